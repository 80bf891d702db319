// What the link says of an image that is none.
#pragma once

#include <string_view>

#include "store/image_header.h"

namespace ugpt::app {

constexpr std::string_view text_of(store::ImageFault fault) {
    switch (fault) {
        case store::ImageFault::none:
            return "";
        case store::ImageFault::absent:
            return "this is no image of a pretrained model";
        case store::ImageFault::newer:
            return "the image has a newer format than this firmware knows";
        case store::ImageFault::misaligned:
            return "the image does not begin at a multiple of 64 bytes";
        case store::ImageFault::header:
            return "the header of the image is damaged";
        case store::ImageFault::shape:
            return "no model can have the shape that the header names";
        case store::ImageFault::truncated:
            return "the image has another size than its header says";
        case store::ImageFault::table:
            return "the table of tensors is damaged, or names a wrong tensor";
        case store::ImageFault::rope:
            return "the position embeddings of the image are damaged";
        case store::ImageFault::vocabulary:
            return "the vocabulary of the image is damaged";
        case store::ImageFault::tensor:
            return "a tensor of the image is damaged";
        case store::ImageFault::not_a_number:
            return "a tensor of the image has a value that is no finite number";
        case store::ImageFault::digest:
            return "the image is not the one that its digest names";
    }
    return "";
}

}  // namespace ugpt::app

// What the link says of an image that is none.
#pragma once

#include <string_view>

#include "store/image_header.h"

namespace ugpt::app {

constexpr std::string_view fault_text(store::ImageFault fault) {
    switch (fault) {
        case store::ImageFault::none:
            return {};
        case store::ImageFault::absent:
            return "This is not an image of a pretrained model";
        case store::ImageFault::newer:
            return "The pretrained model has a newer format than this firmware reads";
        case store::ImageFault::misaligned:
            return "The pretrained model begins at a wrong address";
        case store::ImageFault::header:
            return "The pretrained model is damaged: its header";
        case store::ImageFault::shape:
            return "The pretrained model is damaged: its shape";
        case store::ImageFault::truncated:
            return "The pretrained model is damaged: it is cut short";
        case store::ImageFault::table:
            return "The pretrained model is damaged: its table of tensors";
        case store::ImageFault::rope:
            return "The pretrained model is damaged: its position embeddings";
        case store::ImageFault::vocabulary:
            return "The pretrained model is damaged: its vocabulary";
        case store::ImageFault::tensor:
            return "The pretrained model is damaged: a tensor";
        case store::ImageFault::not_a_number:
            return "The pretrained model has a weight that is not a number";
        case store::ImageFault::digest:
            return "The pretrained model is damaged: its digest is that of another one";
    }
    return {};
}

}  // namespace ugpt::app

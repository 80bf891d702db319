// How an operation on the flash ended.
#pragma once

#include <cstdint>

namespace ugpt::store {

enum class Result : std::uint8_t {
    ok,
    no_room,       // the region is too small
    flash_failed,  // reading, erasing or writing failed, or the chip kept something else
    out_of_range,  // not within what was begun
    not_whole,     // the content is not what was announced
};

}  // namespace ugpt::store

// How the cache reads the flash.
#pragma once

#include <cstdint>

#include "port/port.h"

namespace ugpt::port::esp32 {

struct FlashReading {
    FlashMode mode = FlashMode::unknown;
    std::uint32_t hz = 0;
};

// Read from the controller of the cache: the bootloader may have set less than the firmware was
// built for, because of the flash chip.
[[nodiscard]] FlashReading flash_reading();

}  // namespace ugpt::port::esp32

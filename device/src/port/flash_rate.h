// How fast the cache reads the flash.
#pragma once

#include <cstdint>
#include <string_view>

#include "port/port.h"

namespace ugpt::port {

constexpr std::uint32_t data_lines(FlashMode mode) {
    if (mode == FlashMode::qio || mode == FlashMode::qout) return 4;
    return mode == FlashMode::dio || mode == FlashMode::dout ? 2 : 1;
}

// Estimates for a plain ESP32, and what others have measured on an S3 (docs/performance.md). 0 for
// chips of which nothing is known, such as the C3.
constexpr std::uint32_t flash_bytes_per_s(std::string_view chip, FlashMode mode, std::uint32_t hz) {
    const bool is_s3 = chip == "esp32s3";
    if (!is_s3 && chip != "esp32") return 0;
    const std::uint32_t bits_per_s = data_lines(mode) * hz;
    if (bits_per_s >= 320'000'000) return is_s3 ? 29'900'000 : 22'000'000;
    return bits_per_s >= 160'000'000 ? 14'000'000 : 8'000'000;
}

}  // namespace ugpt::port

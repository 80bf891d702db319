// CRC-32 as zlib, PNG and Ethernet use it (polynomial 0x04C11DB7, reflected).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ugpt::base {

// The CRC of `bytes` after bytes whose CRC is `before`.
[[nodiscard]] std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0);

[[nodiscard]] inline std::uint32_t crc32(std::span<const std::uint8_t> bytes,
                                         std::uint32_t before = 0) {
    return crc32(std::as_bytes(bytes), before);
}

}  // namespace ugpt::base

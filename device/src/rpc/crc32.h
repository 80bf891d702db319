// CRC-32 as zlib, PNG and Ethernet use it (polynomial 0x04C11DB7, reflected).
#pragma once

#include <cstdint>
#include <span>

namespace ugpt::rpc {

// The CRC of `bytes` after bytes whose CRC is `before`.
[[nodiscard]] std::uint32_t crc32(std::span<const std::uint8_t> bytes, std::uint32_t before = 0);

}  // namespace ugpt::rpc

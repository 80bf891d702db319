// Values as the bytes of a message.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ugpt::app {

static_assert(std::endian::native == std::endian::little, "messages hold little-endian values");

template <typename T>
std::span<const std::uint8_t> bytes_of(std::span<T> values) {
    const auto bytes = std::as_bytes(values);
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace ugpt::app

// Little-endian values in a buffer: how records look in flash, whatever the compiler makes of a
// struct.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ugpt::base {

// Appends values to a buffer that is large enough for all of them.
class ByteWriter {
  public:
    explicit ByteWriter(std::span<std::byte> out) : out_(out) {}

    void u8(std::uint8_t value) { out_[at_++] = static_cast<std::byte>(value); }
    void u32(std::uint32_t value) {
        for (int shift = 0; shift < 32; shift += 8) u8(static_cast<std::uint8_t>(value >> shift));
    }
    void f32(float value) { u32(std::bit_cast<std::uint32_t>(value)); }
    [[nodiscard]] std::size_t size() const { return at_; }

  private:
    std::span<std::byte> out_;
    std::size_t at_ = 0;
};

// Reads what a ByteWriter wrote, in the same order.
class ByteReader {
  public:
    explicit ByteReader(std::span<const std::byte> in) : in_(in) {}

    std::uint8_t u8() { return std::to_integer<std::uint8_t>(in_[at_++]); }
    std::uint32_t u32() {
        std::uint32_t value = 0;
        for (int shift = 0; shift < 32; shift += 8) value |= std::uint32_t{u8()} << shift;
        return value;
    }
    float f32() { return std::bit_cast<float>(u32()); }

  private:
    std::span<const std::byte> in_;
    std::size_t at_ = 0;
};

}  // namespace ugpt::base

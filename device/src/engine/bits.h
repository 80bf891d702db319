// The bits of a float and the small exact conversions the engine needs.
#pragma once

#include <bit>
#include <cstdint>

namespace ugpt::engine {

[[gnu::always_inline]] static inline std::uint32_t bits_of(float x) {
    return std::bit_cast<std::uint32_t>(x);
}
[[gnu::always_inline]] static inline float float_of(std::uint32_t bits) {
    return std::bit_cast<float>(bits);
}
[[gnu::always_inline]] static inline bool is_finite(float x) {
    return (bits_of(x) & 0x7f800000u) != 0x7f800000u;
}

// value * 2^-fraction_bits, rounded once to nearest even. 0 <= fraction_bits <= 64.
float float_of_fixed(std::uint64_t value, int fraction_bits);

}  // namespace ugpt::engine

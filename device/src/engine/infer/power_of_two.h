// Floats as integers of 16 bits and a unit, which is a power of two: so both directions are exact
// but for one rounding.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine::infer {
namespace {

constexpr std::uint32_t kInfinityBits = 0x7f800000u;

struct PowerOfTwo {
    float unit;   // 2^(e - 14), with e the exponent of the largest value, at least -100
    float units;  // of one: 2^(14 - e)
};

// For values whose largest magnitude has these bits. NaN and 0 if it is not finite, so that all
// integers become 0 and all values NaN.
UGPT_LANE PowerOfTwo power_of_two_for(std::uint32_t largest) {
    if (largest >= kInfinityBits) {
        return {float_of(0x7fc00000u), 0.0f};
    }
    const std::uint32_t exponent = largest >> 23;
    const std::uint32_t biased = exponent < 27 ? 27 : exponent;
    return {float_of((biased - 14) << 23), float_of((268 - biased) << 23)};
}

// The bits of the largest magnitude.
UGPT_LANE std::uint32_t largest_bits(const float* values, std::size_t count) {
    std::uint32_t largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t bits = bits_of(values[i]) & 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

// Rounded to the nearest even integer by adding 1.5 2^23, and never beyond 32767. `units` is that
// of the value's PowerOfTwo.
UGPT_LANE std::int32_t short_of(float value, float units) {
    const std::uint32_t shifted = bits_of(fma(value, units, 12582912.0f));
    const auto rounded = static_cast<std::int32_t>(shifted - 0x4b400000u);
    const std::int32_t least = rounded < -32767 ? -32767 : rounded;
    return least > 32767 ? 32767 : least;
}

}  // namespace
}  // namespace ugpt::engine::infer

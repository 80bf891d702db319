// The four functions of the reference, from multiplications, additions, fma and integer work on
// the bits. Of libm they use fma alone, which is exact, so every machine gives the same bits. Error
// bounds: docs/numerics.md.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace ugpt::reference {

using std::fma;  // a * b + c, rounded once

inline constexpr float kLog2E = 0x1.715476p+0f;
// ln 2 in two parts: the first has few enough bits for its multiples to be exact.
inline constexpr float kLn2High = 0x1.62e400p-1f;
inline constexpr float kLn2Low = 0x1.7f7d1cp-20f;

// e^x for x <= 88 is 2^k e^r, with k the integer nearest to x / ln 2 and r = x - k ln 2.
inline float exponential(float x) {
    if (x < -86.0f) {
        return 0.0f;
    }
    // 1.5 * 2^23 + 127: the sum has no bits below 1, so it is rounded to an integer, and its low
    // bits are the exponent field of 2^k.
    constexpr float kShift = 12583039.0f;
    const float shifted = fma(x, kLog2E, kShift);
    const float k = shifted - kShift;
    const float power_of_two = std::bit_cast<float>(std::bit_cast<std::uint32_t>(shifted) << 23);
    const float r = fma(-k, kLn2Low, fma(-k, kLn2High, x));
    float p = 0x1.0fa678p-7f;
    p = fma(p, r, 0x1.573ca4p-5f);
    p = fma(p, r, 0x1.555a78p-3f);
    p = fma(p, r, 0x1.fffdc0p-2f);
    p = fma(p, r, 0x1.fffff6p-1f);
    return fma(p, r * power_of_two, power_of_two);
}

// 1 / x for 2^-125 <= x <= 2^125: a guess from the bits, then three Newton steps.
inline float reciprocal(float x) {
    float y = std::bit_cast<float>(0x7ef311c7u - std::bit_cast<std::uint32_t>(x));
    for (int i = 0; i < 3; ++i) {
        y = fma(y, fma(-x, y, 1.0f), y);
    }
    return y;
}

// 1 / sqrt(x) for 2^-125 <= x <= 2^127, likewise.
inline float inverse_root(float x) {
    float y = std::bit_cast<float>(0x5f3759dfu - (std::bit_cast<std::uint32_t>(x) >> 1));
    for (int i = 0; i < 3; ++i) {
        y = fma(y, fma(-(0.5f * x * y), y, 0.5f), y);
    }
    return y;
}

// ln x for finite x >= 2^-126 is k ln 2 + ln(1 + f), with x = 2^k (1 + f) and 1 + f from sqrt(1/2)
// to sqrt(2). NaN and infinity are returned.
inline float logarithm(float x) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    if ((bits & 0x7f800000u) == 0x7f800000u) {
        return x;
    }
    constexpr std::uint32_t kRootOfHalf = 0x3f3504f3u;
    const std::int32_t k = static_cast<std::int32_t>(bits - kRootOfHalf) >> 23;
    const float f = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(k) << 23)) - 1.0f;
    float p = 0.08700451254844666f;
    p = fma(p, f, -0.14267510175704956f);
    p = fma(p, f, 0.14914773404598236f);
    p = fma(p, f, -0.1657758206129074f);
    p = fma(p, f, 0.19963063299655914f);
    p = fma(p, f, -0.2500133812427521f);
    p = fma(p, f, 0.3333390951156616f);
    const float exponent = static_cast<float>(k);
    const float tail = fma(exponent, kLn2Low, fma(p * f, f * f, -0.5f * (f * f)));
    return fma(exponent, kLn2High, f + tail);
}

}  // namespace ugpt::reference

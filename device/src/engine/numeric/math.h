// exp, log, reciprocal and inverse square root from multiplications, additions and integer
// operations on the bits. docs/numerics.md has the formulas and error bounds,
// tests/engine/test_math.cpp checks them.
#pragma once

#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine {
namespace {

// Constants of `Exponential`, in the order of their use.
struct ExponentialTable {
    float least = -86.0f;
    // Adding 1.5 * 2^23 rounds to an integer, which then sits in the low bits; 127 more make them
    // the exponent field of that power of two.
    float magic = 12583039.0f;
    float log2_e = 0x1.715476p+0f;
    // ln(2) in two parts: the first has few enough bits for its multiples to be exact.
    float ln2_high = 0x1.62e400p-1f;
    float ln2_low = 0x1.7f7d1cp-20f;
    float c5 = 0x1.0fa678p-7f;
    float c4 = 0x1.573ca4p-5f;
    float c3 = 0x1.555a78p-3f;
    float c2 = 0x1.fffdc0p-2f;
    float c1 = 0x1.fffff6p-1f;
};
constexpr ExponentialTable kExponential;

// e^x for x <= 88; +0 for x < -86; NaN for NaN. Relative error below 2.1e-7. Construct it before a
// loop: it keeps in registers the constants that are factors, and reads from memory those that are
// added to, because a fused multiply-add overwrites its addend.
template <class Lanes>
class Exponential {
  public:
    using Float = typename Lanes::Float;

    [[gnu::always_inline]] Exponential() {
        UGPT_OPAQUE(table_);  // one load for a constant instead of two, address and value
        least_ = Lanes::all(table_->least);
        magic_ = Lanes::all(table_->magic);
        log2_e_ = Lanes::all(table_->log2_e);
        ln2_high_ = Lanes::all(table_->ln2_high);
        ln2_low_ = Lanes::all(table_->ln2_low);
        c5_ = Lanes::all(table_->c5);
    }

    [[gnu::always_inline]] Float operator()(Float x) const {
        const auto shifted = Lanes::fma(x, log2_e_, magic_);
        const auto power = Lanes::from_bits(Lanes::template shift_left<23>(Lanes::bits(shifted)));
        const auto k = Lanes::sub(shifted, magic_);
        auto r = Lanes::negative_fma(k, ln2_high_, x);
        r = Lanes::negative_fma(k, ln2_low_, r);
        auto p = Lanes::fma(c5_, r, Lanes::all(table_->c4));
        p = Lanes::fma(p, r, Lanes::all(table_->c3));
        p = Lanes::fma(p, r, Lanes::all(table_->c2));
        p = Lanes::fma(p, r, Lanes::all(table_->c1));
        const auto result = Lanes::fma(p, Lanes::mul(r, power), power);
        return zero_if_less<Lanes>(x, least_, result, Lanes::all(0.0f));
    }

  private:
    const ExponentialTable* table_ = &kExponential;
    Float least_, magic_, log2_e_, ln2_high_, ln2_low_, c5_;
};

// 1 / x for 2^-125 <= x <= 2^125. Relative error below 6.1e-8.
template <class Lanes>
UGPT_LANE typename Lanes::Float reciprocal(typename Lanes::Float x) {
    const auto one = Lanes::all(1.0f);
    auto y = Lanes::from_bits(Lanes::subtract_bits(Lanes::all_bits(0x7ef311c7u), Lanes::bits(x)));
    UGPT_UNROLL for (int i = 0; i < 3; ++i) {
        y = Lanes::fma(y, Lanes::negative_fma(x, y, one), y);
    }
    return y;
}

// 1 / sqrt(x) for 2^-125 <= x <= 2^127. Relative error below 1e-7.
template <class Lanes>
UGPT_LANE typename Lanes::Float inverse_root(typename Lanes::Float x) {
    const auto half = Lanes::all(0.5f);
    const auto half_x = Lanes::mul(half, x);
    auto y = Lanes::from_bits(Lanes::subtract_bits(Lanes::all_bits(0x5f3759dfu),
                                                   Lanes::template shift_right<1>(Lanes::bits(x))));
    UGPT_UNROLL for (int i = 0; i < 3; ++i) {
        y = Lanes::fma(y, Lanes::negative_fma(Lanes::mul(half_x, y), y, half), y);
    }
    return y;
}

// ln(x) for normal x > 0; NaN and infinity are returned. Relative error below 1.6e-7.
template <class Lanes>
UGPT_LANE float logarithm(float x) {
    if (!is_finite(x)) {
        return x;
    }
    // x = 2^k * (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2)
    const std::uint32_t above = bits_of(x) - 0x3f3504f3u;
    const std::int32_t exponent = static_cast<std::int32_t>(above) >> 23;
    const float f = float_of(bits_of(x) - (static_cast<std::uint32_t>(exponent) << 23)) - 1.0f;
    const float k = static_cast<float>(exponent);
    float p = 0.08700451254844666f;
    p = Lanes::fma(p, f, -0.14267510175704956f);
    p = Lanes::fma(p, f, 0.14914773404598236f);
    p = Lanes::fma(p, f, -0.1657758206129074f);
    p = Lanes::fma(p, f, 0.19963063299655914f);
    p = Lanes::fma(p, f, -0.2500133812427521f);
    p = Lanes::fma(p, f, 0.3333390951156616f);
    const float square = f * f;
    const float tail = Lanes::fma(k, 0x1.7f7d1cp-20f, Lanes::fma(p * f, square, -0.5f * square));
    return Lanes::fma(k, 0x1.62e400p-1f, f + tail);
}

}  // namespace
}  // namespace ugpt::engine

// Fused multiply-add for processors without it: exact product and sum in integers, rounded once.
#include <bit>
#include <cstdint>

#include "engine/numeric/bits.h"
#include "engine/numeric/fma.h"

namespace ugpt::engine {

namespace {

constexpr std::uint32_t kInfinity = 0x7f800000u;
constexpr std::uint32_t kNan = 0x7fc00000u;
constexpr std::uint32_t kSign = 0x80000000u;

// A magnitude m * 2^exponent; m is an integer.
struct Magnitude {
    std::uint64_t m;
    int exponent;
};

// Of a finite number; a normal one gets its hidden bit.
Magnitude magnitude_of(std::uint32_t bits) {
    const std::uint32_t field = (bits >> 23) & 0xffu;
    const std::uint64_t fraction = bits & 0x7fffffu;
    if (field == 0) {
        return {fraction, -149};
    }
    return {fraction | 0x800000u, static_cast<int>(field) - 150};
}

// Shifts right by `count`. The lowest bit of the result is set if any bit was lost.
std::uint64_t shift_right_sticky(std::uint64_t value, int count) {
    if (count <= 0) {
        return value;
    }
    if (count > 63) {
        return value != 0 ? 1 : 0;
    }
    const std::uint64_t lost = value & ((std::uint64_t{1} << count) - 1);
    return (value >> count) | (lost != 0 ? 1 : 0);
}

// Rounds x.m * 2^x.exponent to nearest even. The lowest bit of m may be sticky as long as m has
// more than 25 bits.
std::uint32_t round_to_float(std::uint32_t sign, Magnitude x) {
    const int top = 63 - std::countl_zero(x.m);
    // The exponent of the last place of the result: 23 below the leading bit, or that of denormals.
    int last = x.exponent + top - 23;
    last = last < -149 ? -149 : last;
    const int drop = last - x.exponent;
    std::uint64_t kept;
    if (drop <= 0) {
        kept = x.m << -drop;
    } else if (drop > 63) {
        kept = 0;
    } else {
        const std::uint64_t half = std::uint64_t{1} << (drop - 1);
        const std::uint64_t rest = x.m & ((half << 1) - 1);
        kept = x.m >> drop;
        kept += rest > half || (rest == half && (kept & 1) != 0) ? 1 : 0;
    }
    // The hidden bit of a normal number counts as one in the exponent field, and a carry out of
    // the fraction moves up into it by itself.
    const std::uint64_t bits = (static_cast<std::uint64_t>(last + 149) << 23) + kept;
    return sign | (bits >= kInfinity ? kInfinity : static_cast<std::uint32_t>(bits));
}

std::uint32_t fma_of_special(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    const std::uint32_t magnitude_a = a & ~kSign;
    const std::uint32_t magnitude_b = b & ~kSign;
    const std::uint32_t magnitude_c = c & ~kSign;
    if (magnitude_a > kInfinity || magnitude_b > kInfinity || magnitude_c > kInfinity) {
        return kNan;
    }
    if (magnitude_a == kInfinity || magnitude_b == kInfinity) {
        const std::uint32_t product = ((a ^ b) & kSign) | kInfinity;
        const bool zero_times_infinity = magnitude_a == 0 || magnitude_b == 0;
        const bool opposite = magnitude_c == kInfinity && c != product;
        return zero_times_infinity || opposite ? kNan : product;
    }
    return c;  // the only infinity
}

std::uint32_t fma_of_finite(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    const std::uint32_t product_sign = (a ^ b) & kSign;
    const std::uint32_t c_sign = c & kSign;
    const Magnitude ma = magnitude_of(a);
    const Magnitude mb = magnitude_of(b);
    const Magnitude mc = magnitude_of(c);
    Magnitude product{ma.m * mb.m, ma.exponent + mb.exponent};  // below 2^48
    if (product.m == 0) {
        if (mc.m == 0) {
            return product_sign == c_sign ? c_sign : 0;
        }
        return c;
    }
    if (mc.m == 0) {
        return round_to_float(product_sign, product);
    }
    // Both get their leading bit to place 61, so that the sum stays below 2^63 and the smaller
    // keeps at least 36 places below the rounding of the larger.
    Magnitude addend = mc;
    const int up_product = std::countl_zero(product.m) - 2;
    const int up_addend = std::countl_zero(addend.m) - 2;
    product = {product.m << up_product, product.exponent - up_product};
    addend = {addend.m << up_addend, addend.exponent - up_addend};
    const int exponent = product.exponent > addend.exponent ? product.exponent : addend.exponent;
    product.m = shift_right_sticky(product.m, exponent - product.exponent);
    addend.m = shift_right_sticky(addend.m, exponent - addend.exponent);
    if (product_sign == c_sign) {
        return round_to_float(c_sign, {product.m + addend.m, exponent});
    }
    if (product.m == addend.m) {
        return 0;
    }
    if (product.m > addend.m) {
        return round_to_float(product_sign, {product.m - addend.m, exponent});
    }
    return round_to_float(c_sign, {addend.m - product.m, exponent});
}

}  // namespace

float soft_fma(float a, float b, float c) {
    const std::uint32_t bits_a = bits_of(a);
    const std::uint32_t bits_b = bits_of(b);
    const std::uint32_t bits_c = bits_of(c);
    const bool special = (bits_a & kInfinity) == kInfinity || (bits_b & kInfinity) == kInfinity ||
                         (bits_c & kInfinity) == kInfinity;
    return float_of(special ? fma_of_special(bits_a, bits_b, bits_c)
                            : fma_of_finite(bits_a, bits_b, bits_c));
}

float float_of_fixed(std::uint64_t value, int fraction_bits) {
    return value == 0 ? 0.0f : float_of(round_to_float(0, {value, -fraction_bits}));
}

}  // namespace ugpt::engine

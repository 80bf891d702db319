// The bits of a float and the small exact conversions the engine needs.
#pragma once

#include <bit>
#include <cstdint>

namespace ugpt::engine {

#if defined(__XTENSA__) && !defined(__XTENSA_SOFT_FLOAT__)
// GCC moves bits between the register files through memory; one instruction is enough.
[[gnu::always_inline]] static inline std::uint32_t bits_of(float x) {
    std::uint32_t bits;
    asm("rfr %0, %1" : "=a"(bits) : "f"(x));
    return bits;
}
[[gnu::always_inline]] static inline float float_of(std::uint32_t bits) {
    float x;
    asm("wfr %0, %1" : "=f"(x) : "a"(bits));
    return x;
}
#else
[[gnu::always_inline]] static inline std::uint32_t bits_of(float x) {
    return std::bit_cast<std::uint32_t>(x);
}
[[gnu::always_inline]] static inline float float_of(std::uint32_t bits) {
    return std::bit_cast<float>(bits);
}
#endif
[[gnu::always_inline]] static inline bool is_finite(float x) {
    return (bits_of(x) & 0x7f800000u) != 0x7f800000u;
}

// value * 2^-fraction_bits, rounded once to nearest even. 0 <= fraction_bits <= 64.
float float_of_fixed(std::uint64_t value, int fraction_bits);

}  // namespace ugpt::engine

// What kernels compute with. A `Lanes` type says how many floats are processed together and how;
// kernels are templates over it. So every instruction set runs the same formulas in the same order,
// and the bits of a lane do not depend on the width.
//
// ScalarLanes (one float) is the definition: the others, in engine/simd, give its bits in every
// lane. All are in unnamed namespaces: a type with internal linkage gives each file its own copy of
// the kernels, compiled for the instruction set of that file only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "engine/numeric/bits.h"
#include "engine/numeric/fma.h"

// Whether what the strides of the standard model make faster without vectors is compiled apart.
// Where vectors are at hand it would only take time to compile; tests ask for it there.
#if !defined(UGPT_STANDARD_STRIDES)
#if defined(__x86_64__) || defined(__aarch64__)
#define UGPT_STANDARD_STRIDES 0
#else
#define UGPT_STANDARD_STRIDES 1
#endif
#endif

// UGPT_INLINED marks what is compiled wherever it is called, UGPT_UNROLL loops over parts of a
// register tile, which must be unrolled completely.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Both are for speed alone, and with a sanitizer's checks such code takes minutes to compile.
#define UGPT_INLINED
#define UGPT_UNROLL
#else
#define UGPT_INLINED __attribute__((always_inline))
#define UGPT_UNROLL _Pragma("GCC unroll 16")
#endif
#define UGPT_LANE [[maybe_unused]] UGPT_INLINED static inline
// Hides the origin of a pointer from the compiler, so that it is kept and not computed again.
#define UGPT_OPAQUE(pointer) asm("" : "+r"(pointer))

namespace ugpt::engine {
namespace {

struct ScalarLanes {
    using Single = ScalarLanes;  // the lanes of one register
    using Float = float;
    using Int = std::uint32_t;
    using Mask = bool;
    static constexpr std::size_t kWidth = 1;

    UGPT_LANE Float load(const float* p) { return *p; }
    UGPT_LANE Float load_shorts(const std::int16_t* p) { return static_cast<float>(*p); }
    UGPT_LANE void store(float* p, Float x) { *p = x; }
    UGPT_LANE Float all(float x) { return x; }
    UGPT_LANE Int all_bits(std::uint32_t x) { return x; }

    UGPT_LANE Float add(Float a, Float b) { return a + b; }
    UGPT_LANE Float sub(Float a, Float b) { return a - b; }
    UGPT_LANE Float mul(Float a, Float b) { return a * b; }
    UGPT_LANE Float fma(Float a, Float b, Float c) { return engine::fma(a, b, c); }
    // c - a * b, rounded once
    UGPT_LANE Float negative_fma(Float a, Float b, Float c) { return engine::fma(-a, b, c); }
    // a > b ? a : b, which is b if one is NaN or both are zero
    UGPT_LANE Float max(Float a, Float b) { return a > b ? a : b; }

    UGPT_LANE Mask less(Float a, Float b) { return a < b; }
    // a < b as signed integers: for bits of floats that are not negative, the order of the floats
    UGPT_LANE Mask less_bits(Int a, Int b) {
        return static_cast<std::int32_t>(a) < static_cast<std::int32_t>(b);
    }
    UGPT_LANE Float select(Mask mask, Float yes, Float no) { return mask ? yes : no; }
    UGPT_LANE bool any(Mask mask) { return mask; }
    // first + index of the lane >= bound
    UGPT_LANE Mask index_at_least(std::size_t first, std::size_t bound) { return first >= bound; }

    UGPT_LANE Int bits(Float x) { return bits_of(x); }
    UGPT_LANE Float from_bits(Int x) { return float_of(x); }
    UGPT_LANE Int subtract_bits(Int a, Int b) { return a - b; }
    template <int kCount>
    UGPT_LANE Int shift_left(Int x) {
        return x << kCount;
    }
    template <int kCount>
    UGPT_LANE Int shift_right(Int x) {
        return x >> kCount;
    }
};

// x < bound ? zero : value, with zero = +0 in all lanes.
template <class Lanes>
UGPT_LANE typename Lanes::Float zero_if_less(typename Lanes::Float x, typename Lanes::Float bound,
                                             typename Lanes::Float value,
                                             typename Lanes::Float zero) {
#if defined(__XTENSA__) && !defined(__XTENSA_SOFT_FLOAT__)
    if constexpr (std::is_same_v<Lanes, ScalarLanes>) {
        // GCC would branch.
        asm("olt.s b0, %1, %2\nmovt.s %0, %3, b0"
            : "+f"(value)
            : "f"(x), "f"(bound), "f"(zero)
            : "b0");
        return value;
    }
#endif
    return Lanes::select(Lanes::less(x, bound), zero, value);
}

}  // namespace
}  // namespace ugpt::engine

// Fused multiply-add: a * b + c rounded once, with the same bits whether or not the processor has
// an instruction for it.
//
// The functions of this header are static on purpose: some files of the engine are compiled for
// other instruction sets, and the linker would take a shared inline function from any one of them.
#pragma once

#include <cstdint>

#if defined(__FMA__) || defined(__aarch64__) || defined(__ARM_FEATURE_FMA) || \
    (defined(__riscv_flen) && __riscv_flen >= 32) ||                          \
    (defined(__XTENSA__) && !defined(__XTENSA_SOFT_FLOAT__))
#define UGPT_HAS_FMA 1
#else
#define UGPT_HAS_FMA 0
#endif

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "the engine gives the same bits everywhere: it must be compiled without -ffast-math"
#endif
static_assert(__FLT_EVAL_METHOD__ == 0, "floats must be computed as floats, not as anything wider");

namespace ugpt::engine {

// The same in integer arithmetic. A NaN result is 0x7fc00000.
float soft_fma(float a, float b, float c);

[[gnu::always_inline]] static inline float fma(float a, float b, float c) {
#if UGPT_HAS_FMA
    return __builtin_fmaf(a, b, c);
#else
    return soft_fma(a, b, c);
#endif
}

}  // namespace ugpt::engine

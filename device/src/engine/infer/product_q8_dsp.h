// Exact sums of q8 rows with the DSP instructions of 32-bit ARM: two products by smlad.
#pragma once

#include "engine/infer/product_q8.h"

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>

namespace ugpt::engine::infer {
namespace {

// Bytes 0 and 2 of a word, or 1 and 3, unpacked by one instruction.
UGPT_LANE int16x2_t even_bytes(std::uint32_t word) {
    return static_cast<int16x2_t>(__uxtb16(word));
}
UGPT_LANE int16x2_t odd_bytes(std::uint32_t word) {
    int16x2_t pair;
    asm("uxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
}

using AnyPair [[gnu::may_alias]] = int16x2_t;

// A word of four weights becomes the pairs (0, 2) and (1, 3). The integers lie in the order 0, 2,
// 1, 3, so that a word of theirs is such a pair too. Reads up to 4 bytes behind a row.
struct DspDot {
    template <std::size_t kRows>
    UGPT_LANE void compute(const std::uint8_t* w, std::size_t stride, const std::int16_t* x,
                           std::size_t cols, std::uint32_t* sums) {
        const std::uint8_t* rows[kRows];
        std::int32_t totals[kRows];
        UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
            rows[r] = w + r * stride;
            totals[r] = static_cast<std::int32_t>(sums[r]);
        }
        for (const std::int16_t* end = x + cols; x < end; x += 8) {
            const auto* pairs = reinterpret_cast<const AnyPair*>(x);
            UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
                const auto* words = reinterpret_cast<const AnyWord*>(rows[r]);
                const std::uint32_t first = words[0], second = words[1];
                std::int32_t sum = totals[r];
                sum = __smlad(even_bytes(first), pairs[0], sum);
                sum = __smlad(odd_bytes(first), pairs[1], sum);
                sum = __smlad(even_bytes(second), pairs[2], sum);
                totals[r] = __smlad(odd_bytes(second), pairs[3], sum);
                rows[r] += 8;
            }
        }
        UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
            sums[r] = static_cast<std::uint32_t>(totals[r]);
        }
    }
};

}  // namespace
}  // namespace ugpt::engine::infer
#endif

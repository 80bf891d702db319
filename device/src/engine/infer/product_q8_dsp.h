// Exact sums of q8 rows with the DSP instructions of 32-bit ARM: two products by smlad.
#pragma once

#include "engine/infer/product_q8.h"

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>

namespace ugpt::engine::infer {
namespace {

// Bytes 1 and 3 of a word, rotated and unpacked by one instruction.
UGPT_LANE int16x2_t odd_bytes(std::uint32_t word) {
    int16x2_t pair;
    asm("uxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
}

// A word of four weights becomes the pairs (0, 2) and (1, 3). The integers lie in the order 0, 2,
// 1, 3, so that a word of theirs is such a pair too.
struct DspDot {
    template <std::size_t kRows>
    UGPT_LANE void compute(const std::uint8_t* w, std::size_t stride, const std::int16_t* x,
                           std::size_t cols, std::uint32_t* sums) {
        const auto* pairs = reinterpret_cast<const int16x2_t*>(x);
        for (std::size_t c = 0; c < cols; c += 4) {
            const int16x2_t even = pairs[0], odd = pairs[1];
            pairs += 2;
            UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
                const std::uint32_t word =
                    *reinterpret_cast<const std::uint32_t*>(w + r * stride + c);
                auto sum = static_cast<std::int32_t>(sums[r]);
                sum = __smlad(static_cast<int16x2_t>(__uxtb16(word)), even, sum);
                sum = __smlad(odd_bytes(word), odd, sum);
                sums[r] = static_cast<std::uint32_t>(sum);
            }
        }
    }
};

}  // namespace
}  // namespace ugpt::engine::infer
#endif

// Exact sums of q8 rows with AVX2: sixteen products by pmaddwd.
#pragma once

#include "engine/infer/product_q8.h"
#include "engine/simd/lanes_x86.h"

namespace ugpt::engine::infer {
namespace {

#if defined(__AVX2__)
// Reads up to 12 bytes behind a row, which the integers' padding multiplies by 0: they are the next
// row's, or the padding of the tensor.
struct Avx2Dot {
    template <std::size_t kRows>
    UGPT_LANE void compute(const std::uint8_t* w, std::size_t stride, const std::int16_t* x,
                           std::size_t cols, std::uint32_t* sums) {
        __m256i parts[kRows];
        UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
            parts[r] = _mm256_setzero_si256();
        }
        for (std::size_t c = 0; c < cols; c += 16) {
            const __m256i factors = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + c));
            UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
                const __m128i bytes =
                    _mm_loadu_si128(reinterpret_cast<const __m128i*>(w + r * stride + c));
                parts[r] = _mm256_add_epi32(
                    parts[r], _mm256_madd_epi16(_mm256_cvtepu8_epi16(bytes), factors));
            }
        }
        UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
            __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(parts[r]),
                                        _mm256_extracti128_si256(parts[r], 1));
            sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
            sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
            sums[r] += static_cast<std::uint32_t>(_mm_cvtsi128_si32(sum));
        }
    }
};
#endif

}  // namespace
}  // namespace ugpt::engine::infer

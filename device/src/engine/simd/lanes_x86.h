// Eight floats in an AVX2 register, sixteen in an AVX-512 one.
#pragma once

#if defined(__clang__)
#include <immintrin.h>
#else
// GCC 12 warns of its own deliberately undefined operands in this header.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine {
namespace {

#if defined(__AVX2__) && defined(__FMA__)
struct Avx2Lanes {
    using Single = Avx2Lanes;
    using Float = __m256;
    using Int = __m256i;
    using Mask = __m256;
    static constexpr std::size_t kWidth = 8;

    UGPT_LANE Float load(const float* p) { return _mm256_loadu_ps(p); }
    UGPT_LANE Float load_shorts(const std::int16_t* p) {
        const __m128i shorts = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        return _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(shorts));
    }
    UGPT_LANE void store(float* p, Float x) { _mm256_storeu_ps(p, x); }
    UGPT_LANE Float all(float x) { return _mm256_set1_ps(x); }
    UGPT_LANE Int all_bits(std::uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }

    UGPT_LANE Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
    UGPT_LANE Float sub(Float a, Float b) { return _mm256_sub_ps(a, b); }
    UGPT_LANE Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
    UGPT_LANE Float fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
    UGPT_LANE Float negative_fma(Float a, Float b, Float c) { return _mm256_fnmadd_ps(a, b, c); }
    UGPT_LANE Float max(Float a, Float b) { return _mm256_max_ps(a, b); }

    UGPT_LANE Mask less(Float a, Float b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
    UGPT_LANE Mask less_bits(Int a, Int b) { return _mm256_castsi256_ps(_mm256_cmpgt_epi32(b, a)); }
    UGPT_LANE Float select(Mask mask, Float yes, Float no) {
        return _mm256_blendv_ps(no, yes, mask);
    }
    UGPT_LANE bool any(Mask mask) { return _mm256_movemask_ps(mask) != 0; }
    UGPT_LANE Mask index_at_least(std::size_t first, std::size_t bound) {
        const int least = static_cast<int>(bound) - static_cast<int>(first);
        return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 8),
                                                      _mm256_set1_epi32(least)));
    }

    UGPT_LANE Int bits(Float x) { return _mm256_castps_si256(x); }
    UGPT_LANE Float from_bits(Int x) { return _mm256_castsi256_ps(x); }
    UGPT_LANE Int subtract_bits(Int a, Int b) { return _mm256_sub_epi32(a, b); }
    template <int kCount>
    UGPT_LANE Int shift_left(Int x) {
        return _mm256_slli_epi32(x, kCount);
    }
    template <int kCount>
    UGPT_LANE Int shift_right(Int x) {
        return _mm256_srli_epi32(x, kCount);
    }
};
#endif

#if defined(__AVX512F__)
struct Avx512Lanes {
    using Single = Avx512Lanes;
    using Float = __m512;
    using Int = __m512i;
    using Mask = __mmask16;
    static constexpr std::size_t kWidth = 16;

    UGPT_LANE Float load(const float* p) { return _mm512_loadu_ps(p); }
    UGPT_LANE void store(float* p, Float x) { _mm512_storeu_ps(p, x); }
    UGPT_LANE Float all(float x) { return _mm512_set1_ps(x); }
    UGPT_LANE Int all_bits(std::uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }

    UGPT_LANE Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
    UGPT_LANE Float sub(Float a, Float b) { return _mm512_sub_ps(a, b); }
    UGPT_LANE Float mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
    UGPT_LANE Float fma(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
    UGPT_LANE Float negative_fma(Float a, Float b, Float c) { return _mm512_fnmadd_ps(a, b, c); }
    UGPT_LANE Float max(Float a, Float b) { return _mm512_max_ps(a, b); }

    UGPT_LANE Mask less(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
    UGPT_LANE Mask less_bits(Int a, Int b) { return _mm512_cmplt_epi32_mask(a, b); }
    UGPT_LANE Float select(Mask mask, Float yes, Float no) {
        return _mm512_mask_blend_ps(mask, no, yes);
    }
    UGPT_LANE bool any(Mask mask) { return mask != 0; }
    UGPT_LANE Mask index_at_least(std::size_t first, std::size_t bound) {
        const std::size_t hidden = bound > first ? bound - first : 0;
        return static_cast<Mask>(hidden < kWidth ? 0xffffu << hidden : 0u);
    }

    UGPT_LANE Int bits(Float x) { return _mm512_castps_si512(x); }
    UGPT_LANE Float from_bits(Int x) { return _mm512_castsi512_ps(x); }
    UGPT_LANE Int subtract_bits(Int a, Int b) { return _mm512_sub_epi32(a, b); }
    template <int kCount>
    UGPT_LANE Int shift_left(Int x) {
        return _mm512_slli_epi32(x, kCount);
    }
    template <int kCount>
    UGPT_LANE Int shift_right(Int x) {
        return _mm512_srli_epi32(x, kCount);
    }
};
#endif

}  // namespace
}  // namespace ugpt::engine

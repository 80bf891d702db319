// Four floats in a NEON register of 64-bit ARM. (32-bit ARM's NEON flushes denormals: not used.)
#pragma once

#include <arm_neon.h>

#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine {
namespace {

struct NeonLanes {
    using Single = NeonLanes;
    using Float = float32x4_t;
    using Int = uint32x4_t;
    using Mask = uint32x4_t;
    static constexpr std::size_t kWidth = 4;

    UGPT_LANE Float load(const float* p) { return vld1q_f32(p); }
    UGPT_LANE Float load_shorts(const std::int16_t* p) {
        return vcvtq_f32_s32(vmovl_s16(vld1_s16(p)));
    }
    UGPT_LANE void store(float* p, Float x) { vst1q_f32(p, x); }
    UGPT_LANE Float all(float x) { return vdupq_n_f32(x); }
    UGPT_LANE Int all_bits(std::uint32_t x) { return vdupq_n_u32(x); }

    UGPT_LANE Float add(Float a, Float b) { return vaddq_f32(a, b); }
    UGPT_LANE Float sub(Float a, Float b) { return vsubq_f32(a, b); }
    UGPT_LANE Float mul(Float a, Float b) { return vmulq_f32(a, b); }
    UGPT_LANE Float fma(Float a, Float b, Float c) { return vfmaq_f32(c, a, b); }
    UGPT_LANE Float negative_fma(Float a, Float b, Float c) { return vfmsq_f32(c, a, b); }
    UGPT_LANE Float max(Float a, Float b) { return select(vcgtq_f32(a, b), a, b); }

    UGPT_LANE Mask less(Float a, Float b) { return vcltq_f32(a, b); }
    UGPT_LANE Mask less_bits(Int a, Int b) {
        return vcltq_s32(vreinterpretq_s32_u32(a), vreinterpretq_s32_u32(b));
    }
    UGPT_LANE Float select(Mask mask, Float yes, Float no) { return vbslq_f32(mask, yes, no); }
    UGPT_LANE bool any(Mask mask) { return vmaxvq_u32(mask) != 0; }
    UGPT_LANE Mask index_at_least(std::size_t first, std::size_t bound) {
        constexpr std::uint32_t kIndex[kWidth] = {0, 1, 2, 3};
        const Int index = vaddq_u32(vld1q_u32(kIndex), all_bits(static_cast<unsigned>(first)));
        return vcgeq_u32(index, all_bits(static_cast<unsigned>(bound)));
    }

    UGPT_LANE Int bits(Float x) { return vreinterpretq_u32_f32(x); }
    UGPT_LANE Float from_bits(Int x) { return vreinterpretq_f32_u32(x); }
    UGPT_LANE Int subtract_bits(Int a, Int b) { return vsubq_u32(a, b); }
    template <int kCount>
    UGPT_LANE Int shift_left(Int x) {
        return vshlq_n_u32(x, kCount);
    }
    template <int kCount>
    UGPT_LANE Int shift_right(Int x) {
        return vshrq_n_u32(x, kCount);
    }
};

}  // namespace
}  // namespace ugpt::engine

// Rotary position embeddings without tables: the angle of a position is exact in integers, and its
// cosine and sine are polynomials.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/infer/kernels.h"
#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine::infer {
namespace {

// Of an angle in units of 2^-64 of a full turn. Absolute error below 1.2e-7.
UGPT_LANE Rotation rotation_by(std::uint64_t angle) {
    constexpr float kRadians = 0x1.921fb6p-30f;  // 2 pi 2^-32
    const std::uint64_t quarter = (angle + (std::uint64_t{1} << 61)) >> 62;
    const auto rest = static_cast<std::int32_t>(
        static_cast<std::uint32_t>((angle - (quarter << 62)) >> 32));  // within an eighth of a turn
    const float x = static_cast<float>(rest) * kRadians;
    const float square = x * x;
    const float s = fma(fma(-1.9515296e-4f, square, 8.332161e-3f), square, -0.16666655f);
    const float c = fma(fma(2.4433157e-5f, square, -1.3887316e-3f), square, 0.041666646f);
    const float sine = fma(x * square, s, x);
    const float cosine = fma(square * square, c, fma(-0.5f, square, 1.0f));
    switch (quarter & 3) {
        case 0:
            return {cosine, sine};
        case 1:
            return {-sine, cosine};
        case 2:
            return {-cosine, -sine};
        default:
            return {sine, -cosine};
    }
}

// What turns the pairs of a head at a position.
inline void turn(std::span<const std::uint64_t> steps, std::uint32_t position,
                 Rotation* rotations) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
        rotations[i] = rotation_by(steps[i] * position);
    }
}

// Turns every pair of neighbours in each head. vectors [heads x 2 pairs]
inline void rotate(float* vectors, std::size_t heads, const Rotation* rotations,
                   std::size_t pairs) {
    for (std::size_t head = 0; head < heads; ++head) {
        for (std::size_t i = 0; i < pairs; ++i) {
            const Rotation turn = rotations[i];
            const float a = vectors[0], b = vectors[1];
            vectors[0] = fma(a, turn.cosine, -(b * turn.sine));
            vectors[1] = fma(a, turn.sine, b * turn.cosine);
            vectors += 2;
        }
    }
}

}  // namespace
}  // namespace ugpt::engine::infer

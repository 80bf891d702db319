// Attention of one head for one position: a softmax between two products with the caches.
#pragma once

#include "engine/infer/kernels.h"
#include "engine/numeric/math.h"

namespace ugpt::engine::infer {
namespace {

// weights[t] = score of position t: a chain over the head's dimensions, times the key's unit.
template <class Lanes>
UGPT_LANE void scores(const Attention& a, const float* query, const std::int16_t* keys,
                      float* weights) {
    for (std::size_t t = 0; t < a.positions; t += Lanes::kWidth) {
        auto sum = Lanes::all(0.0f);
        const std::int16_t* key = keys + t;
        for (std::size_t d = 0; d < a.head_dim; ++d) {
            sum = Lanes::fma(Lanes::all(query[d]), Lanes::load_shorts(key), sum);
            key += a.stride;
        }
        Lanes::store(weights + t, Lanes::mul(sum, Lanes::load(a.key_units + t)));
    }
}

// Scores become powers, and these are multiplied by the units of the values. Returns 1 / sum of the
// powers.
template <class Lanes>
UGPT_LANE float soften(const Attention& a, float* weights) {
    float maximum = weights[0];
    for (std::size_t t = 1; t < a.positions; ++t) {
        maximum = ScalarLanes::max(weights[t], maximum);
    }
    const Exponential<Lanes> exponential;
    const auto scale = Lanes::all(a.score_scale), most = Lanes::all(maximum);
    for (std::size_t t = 0; t < a.positions; t += Lanes::kWidth) {
        const auto score = Lanes::load(weights + t);
        Lanes::store(weights + t, exponential(Lanes::mul(Lanes::sub(score, most), scale)));
    }
    float sum = 0.0f;
    for (std::size_t t = 0; t < a.positions; ++t) {
        sum = sum + weights[t];
        weights[t] = weights[t] * a.value_units[t];
    }
    return reciprocal<ScalarLanes>(sum);
}

// kVectors vectors of out from dimension d of the head on: chains over ascending positions.
template <class Lanes, std::size_t kVectors>
UGPT_LANE void mix(const Attention& a, const float* weights, const std::int16_t* values,
                   float normaliser, float* out) {
    typename Lanes::Float sums[kVectors];
    UGPT_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
        sums[v] = Lanes::all(0.0f);
    }
    for (const float* end = weights + a.positions; weights != end; ++weights) {
        const auto weight = Lanes::all(*weights);
        UGPT_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
            sums[v] = Lanes::fma(weight, Lanes::load_shorts(values + v * Lanes::kWidth), sums[v]);
        }
        values += a.kv_dim;
    }
    UGPT_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
        Lanes::store(out + v * Lanes::kWidth, Lanes::mul(sums[v], Lanes::all(normaliser)));
    }
}

// Scores are computed with as many positions at once as `Wide` has lanes.
template <class Wide, class Lanes>
void attend(const Attention& a, std::size_t head) {
    const std::size_t kv_offset = head / a.heads_per_kv_head * a.head_dim;
    float* weights = a.weights + head * a.stride;
    scores<Wide>(a, a.queries + head * a.head_dim, a.keys + kv_offset * a.stride, weights);
    const float normaliser = soften<Lanes>(a, weights);
    float* out = a.out + head * a.head_dim;
    const std::int16_t* values = a.values + kv_offset;
    constexpr std::size_t kWide = kBlockRows;
    std::size_t d = 0;
    for (; d + kWide <= a.head_dim; d += kWide) {
        mix<Lanes, kWide / Lanes::kWidth>(a, weights, values + d, normaliser, out + d);
    }
    for (; d < a.head_dim; ++d) {
        mix<ScalarLanes, 1>(a, weights, values + d, normaliser, out + d);
    }
}

}  // namespace
}  // namespace ugpt::engine::infer

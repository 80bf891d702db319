// Attention of one or two heads for one position: a softmax between two products with the caches.
// Two heads that share keys and values share the work of making floats of them.
#pragma once

#include "engine/infer/kernels.h"
#include "engine/numeric/math.h"

namespace ugpt::engine::infer {
namespace {

// Heads that are computed together, and where their numbers lie: those of the second follow those
// of the first.
struct Heads {
    const float* queries;        // [heads x head_dim]
    const std::int16_t* keys;    // the rows of their dimensions
    const std::int16_t* values;  // the column of their first dimension
    float* weights;              // [heads x stride]
    float* out;                  // [heads x head_dim]
};

// weights[t] = score of position t: a chain over the head's dimensions, times the key's unit.
template <class Lanes, std::size_t kHeads>
UGPT_LANE void scores(const Attention& a, const Heads& heads) {
    for (std::size_t t = 0; t < a.positions; t += Lanes::kWidth) {
        typename Lanes::Float sums[kHeads];
        UGPT_UNROLL for (std::size_t h = 0; h < kHeads; ++h) {
            sums[h] = Lanes::all(0.0f);
        }
        const std::int16_t* key = heads.keys + t;
        const float* query = heads.queries;
        for (const float* end = query + a.head_dim; query != end; ++query) {
            const auto factor = Lanes::load_shorts(key);
            UGPT_UNROLL for (std::size_t h = 0; h < kHeads; ++h) {
                sums[h] = Lanes::fma(Lanes::all(query[h * a.head_dim]), factor, sums[h]);
            }
            key += a.stride;
        }
        const auto units = Lanes::load(a.key_units + t);
        UGPT_UNROLL for (std::size_t h = 0; h < kHeads; ++h) {
            Lanes::store(heads.weights + h * a.stride + t, Lanes::mul(sums[h], units));
        }
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

// kVectors vectors of `out` from dimension d of each head on: chains over ascending positions.
template <class Lanes, std::size_t kVectors, std::size_t kHeads>
UGPT_LANE void mix(const Attention& a, const Heads& heads, const float* normalisers,
                   std::size_t d) {
    typename Lanes::Float sums[kHeads][kVectors];
    UGPT_UNROLL for (std::size_t h = 0; h < kHeads; ++h) {
        UGPT_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
            sums[h][v] = Lanes::all(0.0f);
        }
    }
    const std::int16_t* value = heads.values + d;
    const float* weight = heads.weights;
    for (const float* end = weight + a.positions; weight != end; ++weight) {
        typename Lanes::Float factors[kHeads];
        UGPT_UNROLL for (std::size_t h = 0; h < kHeads; ++h) {
            factors[h] = Lanes::all(weight[h * a.stride]);
        }
        UGPT_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
            const auto shorts = Lanes::load_shorts(value + v * Lanes::kWidth);
            UGPT_UNROLL for (std::size_t h = 0; h < kHeads; ++h) {
                sums[h][v] = Lanes::fma(factors[h], shorts, sums[h][v]);
            }
        }
        value += a.kv_dim;
    }
    UGPT_UNROLL for (std::size_t h = 0; h < kHeads; ++h) {
        float* out = heads.out + h * a.head_dim + d;
        UGPT_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
            Lanes::store(out + v * Lanes::kWidth,
                         Lanes::mul(sums[h][v], Lanes::all(normalisers[h])));
        }
    }
}

template <class Wide, class Lanes, std::size_t kHeads>
UGPT_LANE void attend_heads(const Attention& a, const Heads& heads) {
    scores<Wide, kHeads>(a, heads);
    float normalisers[kHeads];
    UGPT_UNROLL for (std::size_t h = 0; h < kHeads; ++h) {
        normalisers[h] = soften<Lanes>(a, heads.weights + h * a.stride);
    }
    std::size_t d = 0;
    if constexpr (Lanes::Single::kWidth > 1) {
        for (; d + Lanes::kWidth <= a.head_dim; d += Lanes::kWidth) {
            mix<Lanes, 1, kHeads>(a, heads, normalisers, d);
        }
    } else {
        // Eight sums, so that the factors find room in sixteen registers too.
        constexpr std::size_t kAtOnce = 8 / kHeads;
        for (; d + kAtOnce <= a.head_dim; d += kAtOnce) {
            mix<ScalarLanes, kAtOnce, kHeads>(a, heads, normalisers, d);
        }
    }
    for (; d < a.head_dim; ++d) {
        mix<ScalarLanes, 1, kHeads>(a, heads, normalisers, d);
    }
}

// Scores are computed with as many positions at once as `Wide` has lanes.
template <class Wide, class Lanes>
void attend(const Attention& a, std::size_t first, std::size_t count) {
    const std::size_t kv_offset = first / a.heads_per_kv_head * a.head_dim;
    const Heads heads{.queries = a.queries + first * a.head_dim,
                      .keys = a.keys + kv_offset * a.stride,
                      .values = a.values + kv_offset,
                      .weights = a.weights + first * a.stride,
                      .out = a.out + first * a.head_dim};
    if (count == 2) {
        attend_heads<Wide, Lanes, 2>(a, heads);
    } else {
        attend_heads<Wide, Lanes, 1>(a, heads);
    }
}

}  // namespace
}  // namespace ugpt::engine::infer

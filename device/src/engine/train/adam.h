// Adam without division or square root, on moments that leave out their factor (1 - beta).
#pragma once

#include "engine/numeric/math.h"
#include "engine/train/adam_step.h"
#include "engine/train/network.h"

namespace ugpt::engine {
namespace {

constexpr std::size_t kMostAtOnce = 128;

// The constants of a step, each in all lanes. A kernel makes a copy of them, because the compiler
// must assume that a store to a float changes an AdamStep.
template <class Lanes>
struct AdamLanes {
    typename Lanes::Float beta1, beta2, rate, epsilon, newton;
    typename Lanes::Int magic, small;

    UGPT_LANE AdamLanes of(const AdamStep& step) {
        return {Lanes::all(step.beta1),
                Lanes::all(step.beta2),
                Lanes::all(step.fast_rate),
                Lanes::all(step.fast_epsilon),
                Lanes::all(step.newton),
                Lanes::all_bits(step.magic),
                Lanes::all_bits(bits_of(step.small))};
    }
};

// The weight after a step from its moments after it; `bits` are those of v.
//
// m / (sqrt(v) + epsilon) comes from an integer guess and two Newton steps for the inverse root in
// the form y' = y (c - v y y), whose constants centre the error (L. Moroz et al., "Fast calculation
// of inverse square root with the use of magic constant", 2018) and let the scale drift. The guess
// is scaled so that the first constant is 1, which saves a copy: a fused multiply-add overwrites
// its addend. The second step carries epsilon to first order.
template <class Lanes>
UGPT_LANE typename Lanes::Float fast_weight(const AdamLanes<Lanes>& k, typename Lanes::Float w,
                                            typename Lanes::Float m, typename Lanes::Float v,
                                            typename Lanes::Int bits) {
    auto y = Lanes::from_bits(Lanes::subtract_bits(k.magic, Lanes::template shift_right<1>(bits)));
    y = Lanes::negative_fma(y, Lanes::mul(Lanes::mul(v, y), y), y);
    y = Lanes::mul(y, Lanes::negative_fma(Lanes::fma(v, y, k.epsilon), y, k.newton));
    return Lanes::negative_fma(k.rate, Lanes::mul(y, m), w);
}

// The same if epsilon is not a small part of sqrt(v) + epsilon.
[[maybe_unused, gnu::noinline]] float exact_weight(const AdamStep& step, float w, float m,
                                                   float v) {
    const float root = v < 0x1p-125f ? 0.0f : v * inverse_root<ScalarLanes>(v);
    return fma(-step.rate, m * reciprocal<ScalarLanes>(root + step.epsilon), w);
}

// The weights of a vector that has at least one to be computed by exact_weight.
template <class Lanes>
[[gnu::noinline]] void mixed_weights(const AdamStep& step, float* weights, const float* first,
                                     const float* second) {
    for (std::size_t i = 0; i < Lanes::kWidth; ++i) {
        const float m = first[i];
        const float v = second[i];
        if (v >= step.small) {
            weights[i] = fast_weight<ScalarLanes>(AdamLanes<ScalarLanes>::of(step), weights[i], m,
                                                  v, bits_of(v));
        } else if (bits_of(m) != 0) {
            weights[i] = exact_weight(step, weights[i], m, v);
        }
    }
}

// The weights, moments and gradients of a run of parameters.
struct AdamPlace {
    float* weights;
    float* first;
    float* second;
    const float* gradient;
};

// One step of the vector `offset` floats on. False if mixed_weights must compute its weights.
template <class Lanes>
UGPT_LANE bool adam_vector(const AdamLanes<Lanes>& k, const AdamPlace& at, std::size_t offset) {
    const auto g = Lanes::load(at.gradient + offset);
    const auto v = Lanes::fma(g, g, Lanes::mul(k.beta2, Lanes::load(at.second + offset)));
    const auto bits = Lanes::bits(v);
    const auto m = Lanes::fma(k.beta1, Lanes::load(at.first + offset), g);
    Lanes::store(at.first + offset, m);
    Lanes::store(at.second + offset, v);
    if (Lanes::any(Lanes::less_bits(bits, k.small))) {
        return false;
    }
    Lanes::store(at.weights + offset,
                 fast_weight<Lanes>(k, Lanes::load(at.weights + offset), m, v, bits));
    return true;
}

// One step of `count` parameters, a multiple of kUnrolled vectors and at most kMostAtOnce.
template <class Lanes, std::size_t kUnrolled>
void adam_run(const AdamStep& step, AdamPlace at, std::size_t count) {
    const auto k = AdamLanes<Lanes>::of(step);
    const AdamPlace begin = at;
    float* left[kMostAtOnce / Lanes::kWidth];  // vectors for mixed_weights
    float** left_end = left;
    std::size_t n = count / (kUnrolled * Lanes::kWidth);
    do {
        UGPT_UNROLL for (std::size_t i = 0; i < kUnrolled; ++i) {
            if (!adam_vector<Lanes>(k, at, i * Lanes::kWidth)) [[unlikely]] {
                *left_end++ = at.weights + i * Lanes::kWidth;
            }
        }
        at.weights += kUnrolled * Lanes::kWidth;
        at.first += kUnrolled * Lanes::kWidth;
        at.second += kUnrolled * Lanes::kWidth;
        at.gradient += kUnrolled * Lanes::kWidth;
    } while (--n > 0);
    while (left_end > left) {
        float* const weights = *--left_end;
        const std::size_t offset = static_cast<std::size_t>(weights - begin.weights);
        mixed_weights<Lanes>(step, weights, begin.first + offset, begin.second + offset);
    }
}

// One step of `count` parameters.
template <class Lanes>
void adam(const AdamStep& step, AdamPlace at, std::size_t count) {
    constexpr std::size_t kUnrolled = Lanes::kWidth < 8 ? 16 / Lanes::kWidth : 2;
    constexpr std::size_t kTogether = kUnrolled * Lanes::kWidth;
    while (count > 0) {
        std::size_t done = count < kMostAtOnce ? count : kMostAtOnce;
        if (done >= kTogether) {
            done = done / kTogether * kTogether;
            adam_run<Lanes, kUnrolled>(step, at, done);
        } else {
            adam_run<ScalarLanes, 1>(step, at, done);
        }
        at.weights += done;
        at.first += done;
        at.second += done;
        at.gradient += done;
        count -= done;
    }
}

}  // namespace
}  // namespace ugpt::engine

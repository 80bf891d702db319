// Adam without division or square root, on moments that leave out their factor (1 - beta).
#pragma once

#include "engine/adam_step.h"
#include "engine/math.h"
#include "engine/network.h"

namespace ugpt::engine {
namespace {

constexpr std::size_t kMostAtOnce = 128;

// The constants of a step, each in all lanes. A kernel makes itself a copy of them, because the
// compiler must assume that a store to a float changes an AdamStep.
template <class Lanes>
struct AdamLanes {
    typename Lanes::Float beta1, beta2, rate, epsilon, newton1, newton2;
    typename Lanes::Int magic, small;

    UGPT_LANE AdamLanes of(const AdamStep& step) {
        return {Lanes::all(step.beta1),     Lanes::all(step.beta2),
                Lanes::all(step.fast_rate), Lanes::all(step.fast_epsilon),
                Lanes::all(step.newton1),   Lanes::all(step.newton2),
                Lanes::all_bits(step.magic), Lanes::all_bits(bits_of(step.small))};
    }
};

// The weight after a step, from moments that are those after it; `bits` are those of v.
//
// m / (sqrt(v) + epsilon) comes from an integer guess and two Newton steps for the inverse root in
// the form y' = y (c - v y y), whose constants centre the error (L. Moroz et al., "Fast calculation
// of inverse square root with the use of magic constant", 2018) and let the scale drift. The second
// step carries epsilon to first order.
template <class Lanes>
UGPT_LANE typename Lanes::Float fast_weight(const AdamLanes<Lanes>& k, typename Lanes::Float w,
                                            typename Lanes::Float m, typename Lanes::Float v,
                                            typename Lanes::Int bits) {
    auto y = Lanes::from_bits(
        Lanes::subtract_bits(k.magic, Lanes::template shift_right<1>(bits)));
    y = Lanes::mul(y, Lanes::negative_fma(Lanes::mul(v, y), y, k.newton1));
    y = Lanes::mul(y, Lanes::negative_fma(Lanes::fma(v, y, k.epsilon), y, k.newton2));
    return Lanes::negative_fma(k.rate, Lanes::mul(y, m), w);
}

// The same where epsilon is no small part of sqrt(v) + epsilon.
[[maybe_unused, gnu::noinline]] float exact_weight(const AdamStep& step, float w, float m,
                                                   float v) {
    const float root = v < 0x1p-125f ? 0.0f : v * inverse_root<ScalarLanes>(v);
    return fma(-step.rate, m * reciprocal<ScalarLanes>(root + step.epsilon), w);
}

// The weights of a vector in which at least one takes the exact way.
template <class Lanes>
[[gnu::noinline]] void mixed_weights(const AdamStep& step, float* weights, const float* first,
                                     const float* second) {
    for (std::size_t i = 0; i < Lanes::kWidth; ++i) {
        const float v = second[i];
        weights[i] = v < step.small
                         ? exact_weight(step, weights[i], first[i], v)
                         : fast_weight<ScalarLanes>(AdamLanes<ScalarLanes>::of(step), weights[i],
                                                    first[i], v, bits_of(v));
    }
}

// One step of `count` parameters, a multiple of the width and at most kMostAtOnce.
template <class Lanes>
void adam_run(const AdamStep& step, float* weights, float* first, float* second,
              const float* gradient, std::size_t count) {
    const auto k = AdamLanes<Lanes>::of(step);
    float* left[kMostAtOnce / Lanes::kWidth];  // weights for mixed_weights
    float** left_end = left;
    float* const begin = weights;
    std::size_t n = count / Lanes::kWidth;
    do {
        const auto g = Lanes::load(gradient);
        const auto v = Lanes::fma(g, g, Lanes::mul(k.beta2, Lanes::load(second)));
        const auto bits = Lanes::bits(v);
        const auto m = Lanes::fma(k.beta1, Lanes::load(first), g);
        const auto w = fast_weight<Lanes>(k, Lanes::load(weights), m, v, bits);
        Lanes::store(first, m);
        Lanes::store(second, v);
        if (__builtin_expect_with_probability(Lanes::any(Lanes::less_bits(bits, k.small)), 0, 0.99)) {
            *left_end++ = weights;
        } else {
            Lanes::store(weights, w);
        }
        gradient += Lanes::kWidth;
        first += Lanes::kWidth;
        second += Lanes::kWidth;
        weights += Lanes::kWidth;
    } while (--n > 0);
    first -= count;
    second -= count;
    while (left_end > left) {
        float* const vector = *--left_end;
        mixed_weights<Lanes>(step, vector, first + (vector - begin), second + (vector - begin));
    }
}

// One step of `count` parameters.
template <class Lanes>
void adam(const AdamStep& step, float* weights, float* first, float* second,
          const float* gradient, std::size_t count) {
    while (count > 0) {
        std::size_t done = count < kMostAtOnce ? count : kMostAtOnce;
        if (done >= Lanes::kWidth) {
            done = done / Lanes::kWidth * Lanes::kWidth;
            adam_run<Lanes>(step, weights, first, second, gradient, done);
        } else {
            adam_run<ScalarLanes>(step, weights, first, second, gradient, done);
        }
        weights += done;
        first += done;
        second += done;
        gradient += done;
        count -= done;
    }
}

// Updates rows [first_row, first_row + rows) of a matrix by their gradient [rows x cols].
template <class Lanes>
void adam_rows(const AdamStep& step, const Matrix& matrix, std::size_t first_row,
               std::size_t rows, const float* gradient) {
    const std::size_t offset = first_row * matrix.cols;
    adam<Lanes>(step, matrix.weights + offset, matrix.first_moment + offset,
                matrix.second_moment + offset, gradient, rows * matrix.cols);
}

}  // namespace
}  // namespace ugpt::engine

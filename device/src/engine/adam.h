// Adam without division or square root, on moments that leave out their factor (1 - beta).
#pragma once

#include "engine/adam_step.h"
#include "engine/math.h"
#include "engine/network.h"

namespace ugpt::engine {
namespace {

// The weight step where epsilon is no small part of sqrt(v) + epsilon.
template <class Lanes>
UGPT_LANE typename Lanes::Float small_moment_step(const AdamStep& step, typename Lanes::Float w,
                                                  typename Lanes::Float m,
                                                  typename Lanes::Float v) {
    const auto root = Lanes::select(Lanes::less(v, Lanes::all(0x1p-125f)), Lanes::all(0.0f),
                                    Lanes::mul(v, inverse_root<Lanes>(v)));
    const auto inverse = reciprocal<Lanes>(Lanes::add(root, Lanes::all(step.epsilon)));
    return Lanes::negative_fma(Lanes::all(step.rate), Lanes::mul(m, inverse), w);
}

// One Adam step of Lanes::kWidth parameters; w, m and v change.
//
// The inverse root is an integer guess and two Newton steps in the form y' = y (c - v y y), whose
// constants centre the error (L. Moroz et al., "Fast calculation of inverse square root with the
// use of magic constant", 2018) and let the scale drift; it is folded into the step's rate. The
// second step carries epsilon to first order.
template <class Lanes>
UGPT_LANE void adam_step(const AdamStep& step, typename Lanes::Float& w, typename Lanes::Float& m,
                         typename Lanes::Float& v, typename Lanes::Float g) {
    v = Lanes::fma(g, g, Lanes::mul(Lanes::all(step.beta2), v));
    m = Lanes::fma(Lanes::all(step.beta1), m, g);
    auto y = Lanes::from_bits(Lanes::subtract_bits(
        Lanes::all_bits(AdamStep::kMagic), Lanes::template shift_right<1>(Lanes::bits(v))));
    y = Lanes::mul(y, Lanes::negative_fma(Lanes::mul(v, y), y, Lanes::all(AdamStep::kNewton1)));
    const auto t = Lanes::fma(v, y, Lanes::all(step.fast_epsilon));
    y = Lanes::mul(y, Lanes::negative_fma(t, y, Lanes::all(AdamStep::kNewton2)));
    const auto fast = Lanes::negative_fma(Lanes::all(step.fast_rate), Lanes::mul(m, y), w);
    const auto small = Lanes::less(v, Lanes::all(step.small));
    if (Lanes::any(small)) [[unlikely]] {
        w = Lanes::select(small, small_moment_step<Lanes>(step, w, m, v), fast);
    } else {
        w = fast;
    }
}

// A moment too small to matter becomes +0 before it turns denormal.
template <class Lanes>
UGPT_LANE void flush_tiny(typename Lanes::Float& m, typename Lanes::Float& v) {
    const auto zero = Lanes::all(0.0f);
    const auto magnitude = Lanes::max(m, Lanes::sub(zero, m));
    m = Lanes::select(Lanes::less(magnitude, Lanes::all(AdamStep::kTinyFirst)), zero, m);
    v = Lanes::select(Lanes::less(v, Lanes::all(AdamStep::kTinySecond)), zero, v);
}

template <class Lanes>
void adam_row(const AdamStep& step, float* weights, float* first, float* second,
              const float* gradient, std::size_t count) {
    std::size_t i = 0;
    for (; i + Lanes::kWidth <= count; i += Lanes::kWidth) {
        auto w = Lanes::load(weights + i);
        auto m = Lanes::load(first + i);
        auto v = Lanes::load(second + i);
        adam_step<Lanes>(step, w, m, v, Lanes::load(gradient + i));
        if (step.flushes) [[unlikely]] {
            flush_tiny<Lanes>(m, v);
        }
        Lanes::store(first + i, m);
        Lanes::store(second + i, v);
        Lanes::store(weights + i, w);
    }
    if (i < count) {
        const std::size_t rest = count - i;
        auto w = Lanes::load_first(weights + i, rest);
        auto m = Lanes::load_first(first + i, rest);
        auto v = Lanes::load_first(second + i, rest);
        adam_step<Lanes>(step, w, m, v, Lanes::load_first(gradient + i, rest));
        if (step.flushes) {
            flush_tiny<Lanes>(m, v);
        }
        Lanes::store_first(first + i, m, rest);
        Lanes::store_first(second + i, v, rest);
        Lanes::store_first(weights + i, w, rest);
    }
}

// Updates rows [first_row, first_row + rows) of a matrix by their gradient, whose rows are
// `gradient_stride` floats apart.
template <class Lanes>
void adam_rows(const AdamStep& step, const Matrix& matrix, std::size_t first_row,
               std::size_t rows, const float* gradient, std::size_t gradient_stride) {
    std::size_t count = matrix.cols;
    if (gradient_stride == count) {  // one long row
        count *= rows;
        rows = rows > 0 ? 1 : 0;
    }
    std::size_t offset = first_row * matrix.cols;
    for (std::size_t r = 0; r < rows; ++r) {
        adam_row<Lanes>(step, matrix.weights + offset, matrix.first_moment + offset,
                        matrix.second_moment + offset, gradient, count);
        offset += matrix.cols;
        gradient += gradient_stride;
    }
}

}  // namespace
}  // namespace ugpt::engine

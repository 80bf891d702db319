// What to do with a gradient: apply it with one step of the optimiser, or accumulate it.
#pragma once

#include "engine/train/adam.h"
#include "engine/train/moments.h"
#include "engine/train/network.h"
#include "engine/train/parts.h"
#include "engine/train/share.h"

namespace ugpt::engine {
namespace {

// One Adam step of weights [begin, begin + count) of a matrix with packed moments. Both are ends of
// blocks. gradient [count]
template <class Lanes>
void step_packed(MomentFormat format, const AdamStep& step, const Matrix& matrix, std::size_t begin,
                 std::size_t count, const float* gradient) {
    const Dither dither{.nearest = false, .step = step.number};
    const std::size_t total = matrix.size();
    const std::size_t end = begin + count;
    for (std::size_t i = begin; i < end; i += kMomentBlock) {
        const std::size_t n = end - i < kMomentBlock ? end - i : kMomentBlock;
        float first[kMomentBlock];
        float second[kMomentBlock];
        unpack_moments<Moment::first>(format, matrix.first_moment, total, i, n, first);
        unpack_moments<Moment::second>(format, matrix.second_moment, total, i, n, second);
        adam<Lanes>(step, {matrix.weights + i, first, second, gradient + (i - begin)}, n);
        pack_moments<Moment::first>(format, matrix.first_moment, total, i, n, first, dither);
        pack_moments<Moment::second>(format, matrix.second_moment, total, i, n, second, dither);
    }
}

// One step of weights [begin, begin + count) of a matrix: weight decay, then Adam. gradient [count]
template <class Lanes>
void step_weights(const Network& net, const AdamStep& step, const Matrix& matrix, std::size_t begin,
                  std::size_t count, const float* gradient) {
    float* weights = matrix.weights + begin;
    if (step.decay_factor != 1.0f) {
        for (std::size_t i = 0; i < count; ++i) {
            weights[i] = weights[i] * step.decay_factor;
        }
    }
    if (net.moments != MomentFormat::f32) {
        step_packed<Lanes>(net.moments, step, matrix, begin, count, gradient);
        return;
    }
    float* first = matrix.first_moment.values + begin;
    float* second = matrix.second_moment.values + begin;
    adam<Lanes>(step, {weights, first, second, gradient}, count);
}

// Adds the squares of elements [begin, begin + count) of a matrix. gradient [count]
[[gnu::noinline]] void add_squares(SquareSums& sums, std::size_t begin, std::size_t count,
                                   const float* gradient) {
    for (std::size_t i = 0; i < count; ++i) {
        float& sum = sums.chains[(begin + i) % SquareSums::kChains];
        sum = fma(gradient[i], gradient[i], sum);
    }
}

// Applies or accumulates the gradient of rows [first_row, first_row + rows) of a matrix.
// gradient [rows x cols]
template <class Lanes>
void apply_gradient(const Network& net, const Update& update, const Matrix& matrix,
                    std::size_t first_row, std::size_t rows, const float* gradient) {
    const std::size_t begin = first_row * matrix.cols;
    const std::size_t count = rows * matrix.cols;
    if (update.squares != nullptr) {
        add_squares(*update.squares, begin, count, gradient);
    }
    if (update.adam != nullptr) {
        step_weights<Lanes>(net, *update.adam, matrix, begin, count, gradient);
        return;
    }
    float* sum = matrix.gradient + begin;
    for (std::size_t i = 0; i < count; ++i) {
        sum[i] = update.first ? gradient[i] : sum[i] + gradient[i];
    }
}

// Adds the squares of all accumulated gradients, the matrices in canonical order. A core computes
// whole chains.
[[maybe_unused]] void accumulated_squares(const Network& net, SquareSums& sums) {
    constexpr std::size_t kTogether = 4;
    const auto add_chains = [&](std::size_t first, std::size_t, std::size_t) {
        for_each_matrix(net, [&](const Matrix& matrix) {
            for (std::size_t i = first; i < matrix.size(); i += SquareSums::kChains) {
                const std::size_t chains = std::min(kTogether, matrix.size() - i);
                add_squares(sums, i, chains, matrix.gradient + i);
            }
        });
    };
    if (net.team->divides()) {
        share(net, by_rows(SquareSums::kChains, kTogether, add_chains));
        return;
    }
    for_each_matrix(net, [&sums](const Matrix& matrix) {
        add_squares(sums, 0, matrix.size(), matrix.gradient);
    });
}

// One step of every weight with the accumulated gradients times `factor`.
template <class Lanes>
void apply_accumulated_gradients(const Network& net, const AdamStep& step, float factor) {
    for_each_matrix(net, [&](const Matrix& matrix) {
        const std::size_t together = net.team->divides() ? matrix.division.update : matrix.rows;
        share(net,
              by_rows(matrix.rows, together, [&](std::size_t first, std::size_t rows, std::size_t) {
                  const std::size_t begin = first * matrix.cols;
                  const std::size_t count = rows * matrix.cols;
                  float* const gradient = matrix.gradient + begin;
                  for (std::size_t i = 0; i < count; ++i) {
                      gradient[i] = gradient[i] * factor;
                  }
                  step_weights<Lanes>(net, step, matrix, begin, count, gradient);
              }));
    });
}

}  // namespace
}  // namespace ugpt::engine

// Transposes a matrix.
#pragma once

#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine {
namespace {

// out = in^T. in [rows x columns], its rows in_stride floats apart; out [columns x rows], its rows
// out_stride floats apart. columns > 0
template <class Lanes>
void transpose(const float* in, std::size_t in_stride, std::size_t rows, float* out,
               std::size_t out_stride, std::size_t columns) {
    constexpr std::size_t kTogether = 4;
    std::size_t r = 0;
    for (; r + kTogether <= rows; r += kTogether) {
        const float* from = in + r * in_stride;
        std::size_t to = r;
        for (std::size_t left = columns; left > 0; --left) {
            UGPT_UNROLL for (std::size_t i = 0; i < kTogether; ++i) {
                out[to + i] = from[i * in_stride];
            }
            ++from;
            to += out_stride;
        }
    }
    for (; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
            out[c * out_stride + r] = in[r * in_stride + c];
        }
    }
}

}  // namespace
}  // namespace ugpt::engine

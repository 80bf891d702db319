// Turns a [rows x columns] matrix round.
#pragma once

#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine {
namespace {

// out[c][r] = in[r][c]; rows of `in` are in_stride floats apart, rows of `out` out_stride.
template <class Lanes>
void transpose(const float* in, std::size_t in_stride, std::size_t rows, float* out,
               std::size_t out_stride, std::size_t columns) {
    constexpr std::size_t kTogether = 4;
    if (columns == 0) {
        return;
    }
    std::size_t r = 0;
    for (; r + kTogether <= rows; r += kTogether) {
        const float* from = in + r * in_stride;
        float* to = out + r;
        for (std::size_t left = columns;;) {
            UGPT_UNROLL for (std::size_t i = 0; i < kTogether; ++i) {
                to[i] = from[i * in_stride];
            }
            if (--left == 0) {
                break;
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

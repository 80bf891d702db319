// Turns a [rows x columns] matrix round.
#pragma once

#include "engine/lanes.h"

namespace ugpt::engine {
namespace {

// out[c][r] = in[r][c]; rows of `in` are in_stride floats apart, rows of `out` out_stride.
template <class Lanes>
void transpose(const float* in, std::size_t in_stride, std::size_t rows, float* out,
               std::size_t out_stride, std::size_t columns) {
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
            out[c * out_stride + r] = in[r * in_stride + c];
        }
    }
}

}  // namespace
}  // namespace ugpt::engine

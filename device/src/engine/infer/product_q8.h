// Products with weights of eight bits, in plain C++. The integer sums are exact, so their order is
// free; docs/numerics.md has the rest.
#pragma once

#include "engine/infer/kernels.h"
#include "engine/numeric/scalar_lanes.h"
#include "engine/words.h"

namespace ugpt::engine::infer {
namespace {

// Rows of a matrix in a group of columns.
struct Q8Group {
    const std::uint8_t* weights;  // of the first row and column, `stride` bytes from row to row
    const AnyWord* scales;        // float32, of the first row. Loaded as integers: the FPU cannot
                                  // load from memory for whole words.
    const std::int16_t* x;
    std::size_t stride;
    std::size_t cols;     // a multiple of 4 with the padding
    std::uint32_t start;  // of the sums: it takes off what the bias of the weights adds
    float unit;
    bool add;  // elements start from what they are, and not from +0
};

// Adds the exact products of kRows rows and so many columns.
struct ByteDot {
    template <std::size_t kRows>
    UGPT_LANE void compute(const std::uint8_t* w, std::size_t stride, const std::int16_t* x,
                           std::size_t cols, std::uint32_t* sums) {
        for (const std::int16_t* end = x + cols; x != end; x += 4) {
            UGPT_UNROLL for (std::size_t i = 0; i < 4; ++i) {
                const std::int32_t factor = x[i];
                UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
                    sums[r] += static_cast<std::uint32_t>(std::int32_t{w[r * stride + i]} * factor);
                }
            }
            w += 4;
        }
    }
};

// The same for memory that is read by whole words only.
struct WordDot {
    template <std::size_t kRows>
    UGPT_LANE void compute(const std::uint8_t* w, std::size_t stride, const std::int16_t* x,
                           std::size_t cols, std::uint32_t* sums) {
        for (std::size_t c = 0; c < cols; c += 4) {
            UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
                std::uint32_t word = *reinterpret_cast<const volatile AnyWord*>(w + r * stride + c);
                UGPT_UNROLL for (std::size_t i = 0; i < 4; ++i) {
                    const std::int32_t weight = word & 0xff;
                    sums[r] += static_cast<std::uint32_t>(weight * x[c + i]);
                    word >>= 8;
                }
            }
        }
    }
};

// Computes rows in steps of kRows as long as there are so many; returns how many were computed. Not
// part of its caller, so that the registers are its own.
template <class Dot, std::size_t kRows>
[[gnu::noinline]] std::size_t q8_rows(const Q8Group& group, std::size_t first, std::size_t count,
                                      float* out) {
    const std::size_t stride = group.stride, cols = group.cols;
    const std::int16_t* x = group.x;
    const std::uint32_t start = group.start;
    const float unit = group.unit;
    const bool add = group.add;
    const std::uint8_t* weights = group.weights + first * stride;
    const AnyWord* scales = group.scales + first;
    const std::size_t steps = count / kRows;
    out += first;
    for (const float* end = out + steps * kRows; out != end; out += kRows) {
        std::uint32_t sums[kRows];
        UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
            sums[r] = start;
        }
        Dot::template compute<kRows>(weights, stride, x, cols, sums);
        UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
            const auto sum = static_cast<float>(static_cast<std::int32_t>(sums[r]));
            const float old = float_of(add ? bits_of(out[r]) : 0);
            out[r] = fma(sum, float_of(scales[r]) * unit, old);
        }
        weights += kRows * stride;
        scales += kRows;
    }
    return steps * kRows;
}

template <class Dot, std::size_t kRows>
void q8_product(const Tensor& w, const Input& x, float* out, Blocks blocks, bool add) {
    const std::size_t rows = w.rows, cols = w.cols, stride = q8_stride(cols);
    const auto* scales = reinterpret_cast<const AnyWord*>(w.data);
    const auto* weights = reinterpret_cast<const std::uint8_t*>(scales + groups_of(cols) * rows);
    const std::size_t first = blocks.first * kBlockRows;
    const std::size_t most = blocks.count * kBlockRows;
    const std::size_t count = most < rows - first ? most : rows - first;
    for (std::size_t begin = 0, i = 0; begin < cols; begin += kGroupColumns, ++i) {
        const std::size_t left = stride - begin;
        const Q8Group group{.weights = weights + begin,
                            .scales = scales + i * rows,
                            .x = x.shorts + begin,
                            .stride = stride,
                            .cols = left < kGroupColumns ? left : kGroupColumns,
                            .start = static_cast<std::uint32_t>(-kWeightBias * x.group_sums[i]),
                            .unit = x.unit,
                            .add = add || begin > 0};
        const std::size_t done = q8_rows<Dot, kRows>(group, first, count, out);
        q8_rows<Dot, 1>(group, first + done, count - done, out);
    }
}

}  // namespace
}  // namespace ugpt::engine::infer

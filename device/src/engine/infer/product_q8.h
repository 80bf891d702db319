// Products with weights of eight bits, in plain C++. The integer sums are exact, so their order is
// free; docs/numerics.md has the rest.
#pragma once

#include "engine/infer/kernels.h"
#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine::infer {
namespace {

// A q8 matrix: scales first, those of a group of columns together, then the weights row by row.
struct Q8Rows {
    const std::byte* scales;      // float32 [groups x rows]
    const std::uint8_t* weights;  // [rows x stride]
    std::size_t rows;
    std::size_t cols;
    std::size_t stride;

    explicit Q8Rows(const Tensor& w)
        : scales(w.data),
          weights(reinterpret_cast<const std::uint8_t*>(w.data) +
                  groups_of(w.cols) * w.rows * sizeof(float)),
          rows(w.rows),
          cols(w.cols),
          stride(q8_stride(w.cols)) {}

    // Read by way of an integer register: the FPU cannot load from memory for whole words.
    [[nodiscard]] float scale(std::size_t group, std::size_t row) const {
        return float_of(reinterpret_cast<const std::uint32_t*>(scales)[group * rows + row]);
    }
};

// Adds a group's exact sum to an element: `biased` is the sum with weights as they are stored.
UGPT_LANE float add_group(float element, std::uint32_t biased, const Input& x, std::size_t group,
                          float scale) {
    const auto bias = static_cast<std::uint32_t>(kWeightBias * x.group_sums[group]);
    const auto sum = static_cast<float>(static_cast<std::int32_t>(biased - bias));
    return fma(sum, scale * x.unit, element);
}

// The exact sums of kRows rows over [0, cols), a multiple of 4 with the padding.
struct ByteDot {
    template <std::size_t kRows>
    UGPT_LANE void compute(const std::uint8_t* w, std::size_t stride, const std::int16_t* x,
                           std::size_t cols, std::uint32_t* sums) {
        for (std::size_t c = 0; c < cols; ++c) {
            const std::int32_t factor = x[c];
            UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
                sums[r] += static_cast<std::uint32_t>(std::int32_t{w[r * stride + c]} * factor);
            }
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
                std::uint32_t word =
                    *reinterpret_cast<const volatile std::uint32_t*>(w + r * stride + c);
                UGPT_UNROLL for (std::size_t i = 0; i < 4; ++i) {
                    const std::int32_t weight = word & 0xff;
                    sums[r] += static_cast<std::uint32_t>(weight * x[c + i]);
                    word >>= 8;
                }
            }
        }
    }
};

// `kRows` rows from `row` on.
template <class Dot, std::size_t kRows>
UGPT_LANE void q8_rows(const Q8Rows& w, const Input& x, float* out, std::size_t row, bool add) {
    float elements[kRows];
    UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
        elements[r] = add ? out[row + r] : 0.0f;
    }
    for (std::size_t group = 0, begin = 0; begin < w.cols; ++group, begin += kGroupColumns) {
        const std::size_t left = w.stride - begin;
        std::uint32_t sums[kRows] = {};
        Dot::template compute<kRows>(w.weights + row * w.stride + begin, w.stride, x.shorts + begin,
                                     left < kGroupColumns ? left : kGroupColumns, sums);
        UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
            elements[r] = add_group(elements[r], sums[r], x, group, w.scale(group, row + r));
        }
    }
    UGPT_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
        out[row + r] = elements[r];
    }
}

template <class Dot, std::size_t kRows>
void q8_product(const Tensor& tensor, const Input& x, float* out, Blocks blocks, bool add) {
    const Q8Rows w(tensor);
    std::size_t row = blocks.first * kBlockRows;
    const std::size_t wanted = row + blocks.count * kBlockRows;
    const std::size_t end = wanted < w.rows ? wanted : w.rows;
    for (; row + kRows <= end; row += kRows) {
        q8_rows<Dot, kRows>(w, x, out, row, add);
    }
    for (; row < end; ++row) {
        q8_rows<Dot, 1>(w, x, out, row, add);
    }
}

}  // namespace
}  // namespace ugpt::engine::infer

// Products of matrices in tiles whose accumulators stay in registers.
#pragma once

#include "engine/lanes.h"

namespace ugpt::engine {
namespace {

// How a product reads its first operand.
enum class Order { row_major, transposed };

// What becomes of a product.
enum class Into {
    fresh,         // it is C
    sum,           // it is added to C
    relu,          // C is max(0, product)
    relu_gradient  // where C, a relu's output, is positive, it becomes the product, elsewhere +0
};

// C [rows x columns] = A [rows x depth] B [depth x columns], or what `Into` says. Strides count floats; B
// and C are row-major, and A[m][k] is a[m * a_stride + k], or a[k * a_stride + m] where transposed.
// Columns come in whole vectors: a row is read, and written, up to the next multiple of the width.
// What is written behind it may be the beginning of the next row, which is written later.
//
// Every element is one chain over ascending k: c = a[0] * b[0], then c = fma(a[k], b[k], c); where
// it is added to C, the chain starts from the old c instead. Tiling does not change that.
struct Product {
    const float* a;
    std::size_t a_stride;
    const float* b;
    std::size_t b_stride;
    float* c;
    std::size_t c_stride;
    std::size_t rows;
    std::size_t columns;
    std::size_t depth;
};

// Adds A[.][k] B[k][.] for one k to a tile's sums, or sets them to it. Of the two factors the fewer
// are kept in registers, the others are loaded one at a time.
template <class Lanes, bool kFirst, std::size_t kRows, std::size_t kVectors>
UGPT_LANE void multiply_step(const float* const (&a)[kRows], std::size_t k, const float* b,
                             typename Lanes::Float (&sums)[kRows][kVectors]) {
    using Float = typename Lanes::Float;
    const auto add = [&sums](std::size_t i, std::size_t j, Float row, Float column) {
        sums[i][j] = kFirst ? Lanes::mul(row, column) : Lanes::fma(row, column, sums[i][j]);
    };
    if constexpr (kVectors <= kRows) {
        Float columns[kVectors];
        UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
            columns[j] = Lanes::load(b + j * Lanes::kWidth);
        }
        UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
            const Float row = Lanes::all(a[i][k]);
            UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) { add(i, j, row, columns[j]); }
        }
    } else {
        Float rows[kRows];
        UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) { rows[i] = Lanes::all(a[i][k]); }
        UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
            const Float column = Lanes::load(b + j * Lanes::kWidth);
            UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) { add(i, j, rows[i], column); }
        }
    }
}

// Stores an element of C.
template <class Lanes, Into kInto>
UGPT_LANE void finish(float* c, typename Lanes::Float sum) {
    const auto zero = Lanes::all(0.0f);
    if constexpr (kInto == Into::relu) {
        sum = Lanes::max(zero, sum);
    } else if constexpr (kInto == Into::relu_gradient) {
        sum = Lanes::select(Lanes::less(zero, Lanes::load(c)), sum, zero);
    }
    Lanes::store(c, sum);
}

// A tile of C, kRows x kVectors accumulators in registers; a, b and c point to its first elements.
template <class Lanes, Order kOrder, Into kInto, std::size_t kRows, std::size_t kVectors>
UGPT_LANE void multiply_tile(const float* a, std::size_t a_stride, const float* b,
                             std::size_t b_stride, float* c, std::size_t c_stride,
                             std::size_t depth) {
    constexpr bool kTransposed = kOrder == Order::transposed;
    const std::size_t row_step = kTransposed ? 1 : a_stride;
    const std::size_t k_step = kTransposed ? a_stride : 1;
    const float* rows[kRows];
    UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) { rows[i] = a + i * row_step; }

    typename Lanes::Float sums[kRows][kVectors];
    if constexpr (kInto == Into::sum) {
        float* row = c;
        UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
            UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
                sums[i][j] = Lanes::load(row + j * Lanes::kWidth);
            }
            row += c_stride;
        }
    } else {
        multiply_step<Lanes, true>(rows, 0, b, sums);
        UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) { rows[i] += k_step; }
        b += b_stride;
        --depth;
    }
    for (std::size_t pairs = depth / 2; pairs > 0; --pairs) {
        multiply_step<Lanes, false>(rows, 0, b, sums);
        b += b_stride;
        multiply_step<Lanes, false>(rows, k_step, b, sums);
        b += b_stride;
        UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) { rows[i] += 2 * k_step; }
    }
    if (depth % 2 != 0) {
        multiply_step<Lanes, false>(rows, 0, b, sums);
    }
    UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
        UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
            finish<Lanes, kInto>(c + j * Lanes::kWidth, sums[i][j]);
        }
        c += c_stride;
    }
}

// All rows from m on of kVectors columns from n on, in tiles of kRows rows, then of fewer.
template <class Lanes, Order kOrder, Into kInto, std::size_t kRows, std::size_t kVectors>
[[gnu::noinline]] void multiply_columns(const Product& p, std::size_t m, std::size_t n) {
    const std::size_t a_stride = p.a_stride;
    const std::size_t b_stride = p.b_stride;
    const std::size_t c_stride = p.c_stride;
    const std::size_t depth = p.depth;
    const std::size_t row_step = kOrder == Order::transposed ? 1 : a_stride;
    const float* a = p.a + m * row_step;
    const float* b = p.b + n;
    float* c = p.c + m * c_stride + n;
    for (; m + kRows <= p.rows; m += kRows) {
        multiply_tile<Lanes, kOrder, kInto, kRows, kVectors>(a, a_stride, b, b_stride, c,
                                                                   c_stride, depth);
        a += kRows * row_step;
        c += kRows * c_stride;
    }
    if constexpr (kRows > 1) {
        if (m < p.rows) {
            constexpr std::size_t kFewer = kRows > 4 ? 4 : kRows / 2;
            multiply_columns<Lanes, kOrder, kInto, kFewer, kVectors>(p, m, n);
        }
    }
}

// At most twelve accumulators at a time: they fit into sixteen registers with their operands.
template <class AnyLanes, Order kOrder, Into kInto = Into::fresh>
void multiply(const Product& p) {
    using Lanes = typename AnyLanes::Single;
    std::size_t vectors = (p.columns + Lanes::kWidth - 1) / Lanes::kWidth;
    while (vectors > 0) {
        // Three by four spends the fewest loads for a product, four by three hardly more.
        const std::size_t taken = vectors <= 3                         ? vectors
                                  : vectors % 3 == 0 || vectors == 5 ? 3
                                                                       : 4;
        vectors -= taken;
        const std::size_t n = vectors * Lanes::kWidth;
        switch (taken) {
            case 1: multiply_columns<Lanes, kOrder, kInto, 8, 1>(p, 0, n); break;
            case 2: multiply_columns<Lanes, kOrder, kInto, 6, 2>(p, 0, n); break;
            case 3: multiply_columns<Lanes, kOrder, kInto, 4, 3>(p, 0, n); break;
            default: multiply_columns<Lanes, kOrder, kInto, 3, 4>(p, 0, n); break;
        }
    }
}

}  // namespace
}  // namespace ugpt::engine

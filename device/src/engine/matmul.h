// Products of matrices in tiles whose accumulators stay in registers.
#pragma once

#include "engine/lanes.h"

namespace ugpt::engine {
namespace {

// How a product reads its first operand.
enum class Order { row_major, transposed };

// C [rows x columns] = A [rows x depth] B [depth x columns], or C += A B. Strides count floats; C
// and B are row-major with room for whole vectors of columns, and A[m][k] is a[m * a_stride + k],
// or a[k * a_stride + m] where transposed.
//
// Every element is one chain over ascending k: c = a[0] * b[0], then c = fma(a[k], b[k], c); where
// it accumulates, the chain starts from the old c instead. Tiling does not change that.
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
    bool accumulate;
};

// kRows x kVectors accumulators, from row m and column n on.
template <class Lanes, Order kOrder, std::size_t kRows, std::size_t kVectors>
[[gnu::noinline]] void multiply_tile(const Product& p, std::size_t m, std::size_t n) {
    using Float = typename Lanes::Float;
    constexpr bool kTransposed = kOrder == Order::transposed;
    const std::size_t row_step = kTransposed ? 1 : p.a_stride;
    const std::size_t k_step = kTransposed ? p.a_stride : 1;
    const float* a = p.a + m * row_step;
    const float* b = p.b + n;
    float* c = p.c + m * p.c_stride + n;

    Float sums[kRows][kVectors];
    std::size_t depth = p.depth;
    if (p.accumulate) {
        for (std::size_t i = 0; i < kRows; ++i) {
            for (std::size_t j = 0; j < kVectors; ++j) {
                sums[i][j] = Lanes::load(c + i * p.c_stride + j * Lanes::kWidth);
            }
        }
    } else {
        for (std::size_t j = 0; j < kVectors; ++j) {
            const Float column = Lanes::load(b + j * Lanes::kWidth);
            for (std::size_t i = 0; i < kRows; ++i) {
                sums[i][j] = Lanes::mul(Lanes::all(a[i * row_step]), column);
            }
        }
        a += k_step;
        b += p.b_stride;
        --depth;
    }
    for (; depth > 0; --depth) {
        Float row[kRows];
        for (std::size_t i = 0; i < kRows; ++i) {
            row[i] = Lanes::all(a[i * row_step]);
        }
        for (std::size_t j = 0; j < kVectors; ++j) {
            const Float column = Lanes::load(b + j * Lanes::kWidth);
            for (std::size_t i = 0; i < kRows; ++i) {
                sums[i][j] = Lanes::fma(row[i], column, sums[i][j]);
            }
        }
        a += k_step;
        b += p.b_stride;
    }
    for (std::size_t i = 0; i < kRows; ++i) {
        for (std::size_t j = 0; j < kVectors; ++j) {
            Lanes::store(c + i * p.c_stride + j * Lanes::kWidth, sums[i][j]);
        }
    }
}

// All rows from m on of kVectors columns, in tiles of kRows rows, then of half as many.
template <class Lanes, Order kOrder, std::size_t kRows, std::size_t kVectors>
void multiply_columns(const Product& p, std::size_t m, std::size_t n) {
    for (; m + kRows <= p.rows; m += kRows) {
        multiply_tile<Lanes, kOrder, kRows, kVectors>(p, m, n);
    }
    if constexpr (kRows > 1) {
        if (m < p.rows) {
            multiply_columns<Lanes, kOrder, kRows / 2, kVectors>(p, m, n);
        }
    }
}

// At most twelve accumulators at a time: they fit into sixteen registers with their operands.
template <class Lanes, Order kOrder>
void multiply(const Product& p) {
    std::size_t vectors = (p.columns + Lanes::kWidth - 1) / Lanes::kWidth;
    std::size_t n = 0;
    while (vectors > 0) {
        // Three by four spends the fewest loads for a product, four by three hardly more.
        const std::size_t taken = vectors <= 3                         ? vectors
                                  : vectors % 3 == 0 || vectors == 5 ? 3
                                                                       : 4;
        switch (taken) {
            case 1: multiply_columns<Lanes, kOrder, 8, 1>(p, 0, n); break;
            case 2: multiply_columns<Lanes, kOrder, 6, 2>(p, 0, n); break;
            case 3: multiply_columns<Lanes, kOrder, 4, 3>(p, 0, n); break;
            default: multiply_columns<Lanes, kOrder, 3, 4>(p, 0, n); break;
        }
        n += taken * Lanes::kWidth;
        vectors -= taken;
    }
}

}  // namespace
}  // namespace ugpt::engine

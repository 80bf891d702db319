// A product of matrices, and a tile of it whose accumulators stay in registers.
#pragma once

#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine {
namespace {

// How a product reads an operand.
enum class Order { row_major, transposed };

// What to do with a product.
enum class Into {
    fresh,         // C = product
    sum,           // C = C + product
    relu,          // C = max(0, product)
    relu_gradient  // C = mask > 0 ? product : +0, with a relu's output as the mask
};

// C [rows x columns] = A [rows x depth] B [depth x columns], or as `Into` says. Strides count
// floats. C is row-major: C[m][n] is c[m * c_stride + n]. A and B are too, or, with
// Order::transposed, A[m][k] is a[k * a_stride + m] and B[k][n] is b[n * b_stride + k]. Columns are
// processed in whole vectors: rows are read and written up to the next multiple of the width. What
// is written behind a row may be the beginning of the next one, which is written later.
//
// Every element is one chain over ascending k: c = a[0] * b[0], then c = fma(a[k], b[k], c). With
// Into::sum the chain starts from the old c. Tiling does not change that.
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
    const float* mask = nullptr;  // laid out like C; it may be C
};

// Rows [first, first + rows) of the result.
template <Order kA>
UGPT_LANE Product rows_of(const Product& p, std::size_t first, std::size_t rows) {
    Product part = p;
    part.a += first * (kA == Order::transposed ? 1 : p.a_stride);
    part.c += first * p.c_stride;
    part.mask = p.mask == nullptr ? nullptr : p.mask + first * p.c_stride;
    part.rows = rows;
    return part;
}

// Strides that the compiler knows, so that one pointer is enough for all rows of a tile. 0 stands
// for an unknown stride.
template <std::size_t kA, std::size_t kB, std::size_t kC>
struct Strides {
    static constexpr bool kKnown = kA != 0;
    static constexpr std::size_t kStrideA = kA, kStrideB = kB;
    UGPT_LANE std::size_t a(const Product& p) { return kKnown ? kA : p.a_stride; }
    UGPT_LANE std::size_t b(const Product& p) { return kKnown ? kB : p.b_stride; }
    UGPT_LANE std::size_t c(const Product& p) { return kKnown ? kC : p.c_stride; }
    UGPT_LANE bool fit(const Product& p) {
        return p.a_stride == kA && p.b_stride == kB && p.c_stride == kC;
    }
};
using AnyStrides = Strides<0, 0, 0>;

// Stores a sum as `kInto` says. `mask` is read only if that says so.
template <class Lanes, Into kInto>
UGPT_LANE void store_into(float* c, const float* mask, typename Lanes::Float sum) {
    const auto zero = Lanes::all(0.0f);
    if constexpr (kInto == Into::relu) {
        sum = Lanes::max(zero, sum);
    } else if constexpr (kInto == Into::relu_gradient) {
        sum = Lanes::select(Lanes::less(zero, Lanes::load(mask)), sum, zero);
    }
    Lanes::store(c, sum);
}

// Computes kRows x kVectors vectors of C in registers. `a`, `b` and `c` point to the first row of
// A, the first column of B and the first element of C.
template <class Lanes, class Known, Order kA, Order kB, Into kInto, std::size_t kRows,
          std::size_t kVectors>
class Tile {
  public:
    UGPT_LANE void compute(const Product& p, const float* a, const float* b, float* c) {
        Tile tile;
        UGPT_UNROLL for (std::size_t i = 0; i < kPointersA; ++i) {
            tile.a_[i] = a + i * row_step(p);
        }
        UGPT_UNROLL for (std::size_t j = 0; j < kPointersB; ++j) {
            tile.b_[j] = b + j * Known::b(p);
        }
        if constexpr (kSingle || kInto == Into::sum) {
            UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
                UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
                    tile.sums_[i][j] = kInto == Into::sum
                                           ? Lanes::load(c + i * Known::c(p) + j * Lanes::kWidth)
                                           : Lanes::all(0.0f);
                }
            }
            tile.template add<false>(p, 0);
        } else {
            tile.template add<true>(p, 0);
        }
        // The pointers stay at the last k added: behind it the operand may end.
        std::size_t left = p.depth - 1;
        if constexpr (kSingle) {
            // A single column has so few products for each k that advancing pairs would cost 10%.
            constexpr std::size_t kBlock = 4;
            for (std::size_t blocks = left / kBlock; blocks > 0; --blocks) {
                UGPT_UNROLL for (std::size_t k = 1; k <= kBlock; ++k) {
                    tile.template add<false>(p, k);
                }
                tile.advance(p, kBlock);
            }
            left %= kBlock;
        }
        for (std::size_t pairs = left / 2; pairs > 0; --pairs) {
            if constexpr (kTransposed && !Known::kKnown) {
                tile.advance(p, 1);
                tile.template add<false>(p, 0);
                tile.advance(p, 1);
                tile.template add<false>(p, 0);
            } else {
                tile.template add<false>(p, 1);
                tile.template add<false>(p, 2);
                tile.advance(p, 2);
            }
        }
        if (left % 2 != 0) {
            tile.template add<false>(p, 1);
        }
        const float* mask = masked(p, c);
        UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
            UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
                const std::size_t at = i * Known::c(p) + j * Lanes::kWidth;
                store_into<Lanes, kInto>(c + at, mask + at, tile.sums_[i][j]);
            }
        }
    }

  private:
    using Float = typename Lanes::Float;
    static constexpr bool kTransposed = kA == Order::transposed;
    static constexpr bool kByColumn = kB == Order::transposed;
    static_assert(!kByColumn || Lanes::kWidth == 1);
    static constexpr bool kSingle =
        kVectors == 1 && Lanes::kWidth == 1 && Known::kKnown && !kTransposed && !kByColumn;
    // If rows or columns are a known distance apart, a pointer to the first is enough.
    static constexpr std::size_t kPointersA = kTransposed || Known::kKnown ? 1 : kRows;
    static constexpr std::size_t kPointersB = kByColumn && !Known::kKnown ? kVectors : 1;

    UGPT_LANE std::size_t row_step(const Product& p) { return kTransposed ? 1 : Known::a(p); }
    UGPT_LANE std::size_t k_step(const Product& p) { return kTransposed ? Known::a(p) : 1; }

    // Row i of A, k steps on from the pointers, in all lanes.
    UGPT_INLINED Float element(const Product& p, std::size_t i, std::size_t k) const {
        const std::size_t at = k * k_step(p);
        return Lanes::all(kPointersA == 1 ? a_[0][at + i * row_step(p)] : a_[i][at]);
    }

    // Vector j of B, k steps on from the pointers.
    UGPT_INLINED Float column(const Product& p, std::size_t j, std::size_t k) const {
        const std::size_t stride = Known::b(p);
        if constexpr (kByColumn) {
            return Lanes::load(kPointersB == 1 ? b_[0] + j * stride + k : b_[j] + k);
        }
        return Lanes::load(b_[0] + k * stride + j * Lanes::kWidth);
    }

    // Adds the products k steps on from the pointers, or sets the sums to them. The factors of
    // which there are fewer are held in registers, the others are loaded one at a time.
    template <bool kFirst>
    UGPT_INLINED void add(const Product& p, std::size_t k) {
        if constexpr (kVectors <= kRows) {
            Float columns[kVectors];
            UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
                columns[j] = column(p, j, k);
            }
            UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
                const Float row = element(p, i, k);
                UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
                    add_product<kFirst>(sums_[i][j], row, columns[j]);
                }
            }
        } else {
            Float rows[kRows];
            UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
                rows[i] = element(p, i, k);
            }
            UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
                const Float factor = column(p, j, k);
                UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
                    add_product<kFirst>(sums_[i][j], rows[i], factor);
                }
            }
        }
    }

    template <bool kFirst>
    UGPT_LANE void add_product(Float& sum, Float row, Float column) {
        sum = kFirst ? Lanes::mul(row, column) : Lanes::fma(row, column, sum);
    }

    // Advances the pointers by `count` steps.
    UGPT_INLINED void advance(const Product& p, std::size_t count) {
        UGPT_UNROLL for (std::size_t i = 0; i < kPointersA; ++i) {
            a_[i] += count * k_step(p);
        }
        UGPT_UNROLL for (std::size_t j = 0; j < kPointersB; ++j) {
            b_[j] += count * (kByColumn ? 1 : Known::b(p));
        }
    }

    // The mask of the elements from `c` on. Without one, c itself, which is then not read.
    UGPT_LANE const float* masked(const Product& p, const float* c) {
        return kInto == Into::relu_gradient ? p.mask + (c - p.c) : c;
    }

    const float* a_[kPointersA];
    const float* b_[kPointersB];
    Float sums_[kRows][kVectors];
};

}  // namespace
}  // namespace ugpt::engine

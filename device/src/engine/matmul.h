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

// Strides that are known to the compiler, which then needs one pointer for all rows of a tile; 0
// stands for those that are not.
template <std::size_t kA, std::size_t kBAndC>
struct Strides {
    static constexpr bool kKnown = kA != 0;
    UGPT_LANE std::size_t a(const Product& p) { return kKnown ? kA : p.a_stride; }
    UGPT_LANE std::size_t b(const Product& p) { return kKnown ? kBAndC : p.b_stride; }
    UGPT_LANE std::size_t c(const Product& p) { return kKnown ? kBAndC : p.c_stride; }
};

// kRows x kVectors elements of C in registers, from row m and column n on.
template <class Lanes, class Known, Order kOrder, Into kInto, std::size_t kRows,
          std::size_t kVectors>
class Tile {
  public:
    UGPT_LANE void compute(const Product& p, const float* a, const float* b, float* c) {
        Tile tile;
        std::size_t depth = p.depth;
        tile.b_ = b;
        UGPT_UNROLL for (std::size_t i = 0; i < kPointers; ++i) {
            tile.a_[i] = a + i * row_step(p);
        }
        if constexpr (kInto == Into::sum) {
            UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
                UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
                    tile.sums_[i][j] = Lanes::load(c + i * Known::c(p) + j * Lanes::kWidth);
                }
            }
        } else {
            tile.template add<true>(p, 0);
            tile.advance(p, 1);
            --depth;
        }
        for (std::size_t pairs = depth / 2; pairs > 0; --pairs) {
            tile.template add<false>(p, 0);
            if constexpr (kTransposed && !Known::kKnown) {
                tile.advance(p, 1);
                tile.template add<false>(p, 0);
                tile.advance(p, 1);
            } else {
                tile.template add<false>(p, 1);
                tile.advance(p, 2);
            }
        }
        if (depth % 2 != 0) {
            tile.template add<false>(p, 0);
        }
        UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
            UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
                finish(c + i * Known::c(p) + j * Lanes::kWidth, tile.sums_[i][j]);
            }
        }
    }

  private:
    using Float = typename Lanes::Float;
    static constexpr bool kTransposed = kOrder == Order::transposed;
    // Where the rows are a known distance apart, a pointer to the first leads to all.
    static constexpr bool kOnePointer = kTransposed || Known::kKnown;
    static constexpr std::size_t kPointers = kOnePointer ? 1 : kRows;

    UGPT_LANE std::size_t row_step(const Product& p) { return kTransposed ? 1 : Known::a(p); }
    UGPT_LANE std::size_t k_step(const Product& p) { return kTransposed ? Known::a(p) : 1; }

    // A[m + i][k] for the k-th step from here
    [[gnu::always_inline]] Float element(const Product& p, std::size_t i, std::size_t k) const {
        const std::size_t at = k * k_step(p);
        return Lanes::all(kOnePointer ? a_[0][at + i * row_step(p)] : a_[i][at]);
    }

    // Adds the products for the k-th step from here, or sets the sums to them. Of the two factors
    // the fewer are kept in registers, the others are loaded one at a time.
    template <bool kFirst>
    [[gnu::always_inline]] void add(const Product& p, std::size_t k) {
        const float* b = b_ + k * Known::b(p);
        if constexpr (kVectors <= kRows) {
            Float columns[kVectors];
            UGPT_UNROLL for (std::size_t j = 0; j < kVectors; ++j) {
                columns[j] = Lanes::load(b + j * Lanes::kWidth);
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
                const Float column = Lanes::load(b + j * Lanes::kWidth);
                UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
                    add_product<kFirst>(sums_[i][j], rows[i], column);
                }
            }
        }
    }

    template <bool kFirst>
    UGPT_LANE void add_product(Float& sum, Float row, Float column) {
        sum = kFirst ? Lanes::mul(row, column) : Lanes::fma(row, column, sum);
    }

    // Moves on by `count` of k.
    [[gnu::always_inline]] void advance(const Product& p, std::size_t count) {
        UGPT_UNROLL for (std::size_t i = 0; i < kPointers; ++i) { a_[i] += count * k_step(p); }
        b_ += count * Known::b(p);
    }

    UGPT_LANE void finish(float* c, Float sum) {
        const Float zero = Lanes::all(0.0f);
        if constexpr (kInto == Into::relu) {
            sum = Lanes::max(zero, sum);
        } else if constexpr (kInto == Into::relu_gradient) {
            sum = Lanes::select(Lanes::less(zero, Lanes::load(c)), sum, zero);
        }
        Lanes::store(c, sum);
    }

    const float* a_[kPointers];
    const float* b_;
    Float sums_[kRows][kVectors];
};

// All rows from m on of kVectors columns from n on, in tiles of kRows rows, then of fewer.
template <class Lanes, class Known, Order kOrder, Into kInto, std::size_t kRows,
          std::size_t kVectors>
[[gnu::noinline]] void multiply_columns(const Product& p, std::size_t m, std::size_t n) {
    const std::size_t row_step = kOrder == Order::transposed ? 1 : Known::a(p);
    std::size_t tiles = (p.rows - m) / kRows;
    if (tiles > 0) {
        const Product copy = p;  // in registers, whatever the tiles store
        const float* a = p.a + m * row_step;
        const float* b = p.b + n;
        float* c = p.c + m * Known::c(p) + n;
        m += tiles * kRows;
        do {
            Tile<Lanes, Known, kOrder, kInto, kRows, kVectors>::compute(copy, a, b, c);
            a += kRows * row_step;
            c += kRows * Known::c(copy);
        } while (--tiles > 0);
    }
    if constexpr (kRows > 1) {
        if (m < p.rows) {
            constexpr std::size_t kFewer = kRows > 4 ? 4 : kRows / 2;
            multiply_columns<Lanes, Known, kOrder, kInto, kFewer, kVectors>(p, m, n);
        }
    }
}

// At most twelve accumulators at a time: they fit into sixteen registers with their operands.
template <class Lanes, class Known, Order kOrder, Into kInto>
void multiply_known(const Product& p) {
    std::size_t vectors = (p.columns + Lanes::kWidth - 1) / Lanes::kWidth;
    while (vectors > 0) {
        // Three by four spends the fewest loads for a product, four by three hardly more.
        const std::size_t taken = vectors <= 3                         ? vectors
                                  : vectors % 3 == 0 || vectors == 5 ? 3
                                                                       : 4;
        vectors -= taken;
        const std::size_t n = vectors * Lanes::kWidth;
        switch (taken) {
            case 1: multiply_columns<Lanes, Known, kOrder, kInto, 8, 1>(p, 0, n); break;
            case 2: multiply_columns<Lanes, Known, kOrder, kInto, 6, 2>(p, 0, n); break;
            case 3: multiply_columns<Lanes, Known, kOrder, kInto, 4, 3>(p, 0, n); break;
            default: multiply_columns<Lanes, Known, kOrder, kInto, 3, 4>(p, 0, n); break;
        }
    }
}

template <std::size_t kA, std::size_t kBAndC>
UGPT_LANE bool has_strides(const Product& p) {
    return p.a_stride == kA && p.b_stride == kBAndC && p.c_stride == kBAndC;
}

// Without vectors, the standard model's strides are known to the compiler: sixteen positions or
// features, and four times as many for the width of the MLP.
template <class AnyLanes, Order kOrder, Into kInto = Into::fresh>
void multiply(const Product& p) {
    using Lanes = typename AnyLanes::Single;
    if constexpr (Lanes::kWidth == 1) {
        constexpr bool kFromWide = kInto == Into::sum || kInto == Into::relu_gradient;
        constexpr bool kToWide = kOrder == Order::row_major && kInto == Into::fresh;
        if (has_strides<16, 16>(p)) {
            return multiply_known<Lanes, Strides<16, 16>, kOrder, kInto>(p);
        }
        if constexpr (kFromWide) {
            if (has_strides<64, 16>(p)) {
                return multiply_known<Lanes, Strides<64, 16>, kOrder, kInto>(p);
            }
        }
        if constexpr (kToWide) {
            if (has_strides<16, 64>(p)) {
                return multiply_known<Lanes, Strides<16, 64>, kOrder, kInto>(p);
            }
        }
    }
    multiply_known<Lanes, Strides<0, 0>, kOrder, kInto>(p);
}

}  // namespace
}  // namespace ugpt::engine

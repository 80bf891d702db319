// Products of matrices in tiles whose accumulators stay in registers.
#pragma once

#include "engine/numeric/scalar_lanes.h"
#include "engine/train/transpose.h"

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

// The part of a product that is needed in columns [n, end): all rows and terms.
struct Whole {
    template <Order kB>
    UGPT_LANE const Product& of(const Product& p, std::size_t, std::size_t) {
        return p;
    }
};

// Strides that the compiler knows, so that one pointer is enough for all rows of a tile. 0 stands
// for an unknown stride.
template <std::size_t kA, std::size_t kB, std::size_t kC>
struct Strides {
    static constexpr bool kKnown = kA != 0;
    UGPT_LANE std::size_t a(const Product& p) { return kKnown ? kA : p.a_stride; }
    UGPT_LANE std::size_t b(const Product& p) { return kKnown ? kB : p.b_stride; }
    UGPT_LANE std::size_t c(const Product& p) { return kKnown ? kC : p.c_stride; }
    UGPT_LANE bool fit(const Product& p) {
        return p.a_stride == kA && p.b_stride == kB && p.c_stride == kC;
    }
};
using AnyStrides = Strides<0, 0, 0>;

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
            // A single column has so few products for each k that advancing pairs would cost 10 %.
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
                finish(c + at, mask + at, tile.sums_[i][j]);
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
    [[gnu::always_inline]] Float element(const Product& p, std::size_t i, std::size_t k) const {
        const std::size_t at = k * k_step(p);
        return Lanes::all(kPointersA == 1 ? a_[0][at + i * row_step(p)] : a_[i][at]);
    }

    // Vector j of B, k steps on from the pointers.
    [[gnu::always_inline]] Float column(const Product& p, std::size_t j, std::size_t k) const {
        const std::size_t stride = Known::b(p);
        if constexpr (kByColumn) {
            return Lanes::load(kPointersB == 1 ? b_[0] + j * stride + k : b_[j] + k);
        }
        return Lanes::load(b_[0] + k * stride + j * Lanes::kWidth);
    }

    // Adds the products k steps on from the pointers, or sets the sums to them. The factors of
    // which there are fewer are held in registers, the others are loaded one at a time.
    template <bool kFirst>
    [[gnu::always_inline]] void add(const Product& p, std::size_t k) {
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
    [[gnu::always_inline]] void advance(const Product& p, std::size_t count) {
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

    UGPT_LANE void finish(float* c, const float* mask, Float sum) {
        const Float zero = Lanes::all(0.0f);
        if constexpr (kInto == Into::relu) {
            sum = Lanes::max(zero, sum);
        } else if constexpr (kInto == Into::relu_gradient) {
            sum = Lanes::select(Lanes::less(zero, Lanes::load(mask)), sum, zero);
        }
        Lanes::store(c, sum);
    }

    const float* a_[kPointersA];
    const float* b_[kPointersB];
    Float sums_[kRows][kVectors];
};

// Computes rows of kVectors vectors from column n on, from row m on in whole tiles of kRows rows.
// Returns the first row that is left.
template <class Lanes, class Known, Order kA, Order kB, Into kInto, std::size_t kRows,
          std::size_t kVectors>
[[gnu::noinline]] std::size_t multiply_rows(const Product& p, std::size_t m, std::size_t n) {
    const std::size_t row_step = kA == Order::transposed ? 1 : Known::a(p);
    std::size_t tiles = (p.rows - m) / kRows;
    if (tiles > 0) {
        const Product copy = p;  // stays in registers: no store can change it
        const float* a = p.a + m * row_step;
        const float* b = p.b + (kB == Order::transposed ? n * Known::b(p) : n);
        float* c = p.c + m * Known::c(p) + n;
        m += tiles * kRows;
        for (;;) {
            Tile<Lanes, Known, kA, kB, kInto, kRows, kVectors>::compute(copy, a, b, c);
            if (--tiles == 0) {
                break;
            }
            a += kRows * row_step;
            c += kRows * Known::c(copy);
        }
    }
    return m;
}

// Computes all rows of kVectors vectors from column n on, in tiles of kMost rows, then of fewer.
template <class Lanes, class Known, Order kA, Order kB, Into kInto, std::size_t kMost,
          std::size_t kVectors>
[[gnu::noinline]] void multiply_columns(const Product& p, std::size_t n) {
    std::size_t m = multiply_rows<Lanes, Known, kA, kB, kInto, kMost, kVectors>(p, 0, n);
    if constexpr (kMost > 4) {
        if (p.rows - m >= 4) {
            m = multiply_rows<Lanes, Known, kA, kB, kInto, 4, kVectors>(p, m, n);
        }
    }
    switch (p.rows - m) {
        case 3:
            if constexpr (kMost > 3) {
                multiply_rows<Lanes, Known, kA, kB, kInto, 3, kVectors>(p, m, n);
            }
            break;
        case 2:
            multiply_rows<Lanes, Known, kA, kB, kInto, 2, kVectors>(p, m, n);
            break;
        case 1:
            multiply_rows<Lanes, Known, kA, kB, kInto, 1, kVectors>(p, m, n);
            break;
        default:
            break;
    }
}

// Uses at most twelve accumulators at a time: with their operands they fit into sixteen registers.
template <class Lanes, class Known, Order kA, Order kB, Into kInto, class Needed>
void multiply_known(const Product& p) {
    std::size_t vectors = (p.columns + Lanes::kWidth - 1) / Lanes::kWidth;
    while (vectors > 0) {
        // Tiles of three by four need the fewest loads a product, four by three hardly more.
        const std::size_t taken = vectors <= 3 ? vectors : vectors % 3 == 0 || vectors == 5 ? 3 : 4;
        vectors -= taken;
        const std::size_t n = vectors * Lanes::kWidth;
        const Product& part = Needed::template of<kB>(p, n, n + taken * Lanes::kWidth);
        switch (taken) {
            case 1:
                multiply_columns<Lanes, Known, kA, kB, kInto, 8, 1>(part, n);
                break;
            case 2:
                multiply_columns<Lanes, Known, kA, kB, kInto, 6, 2>(part, n);
                break;
            case 3:
                multiply_columns<Lanes, Known, kA, kB, kInto, 4, 3>(part, n);
                break;
            default:
                multiply_columns<Lanes, Known, kA, kB, kInto, 3, 4>(part, n);
                break;
        }
    }
}

// c += A b for one column b from a relu, which makes many of its elements +0: products with those
// are left out, which does not change the sum. From row m on in tiles of kRows rows, then one by
// one.
template <class Known, std::size_t kRows>
[[gnu::noinline]] void add_sparse_column(const Product& p, std::size_t m) {
    for (; m + kRows <= p.rows; m += kRows) {
        const float* a = p.a + m * Known::a(p);
        float* c = p.c + m * Known::c(p);
        float sums[kRows];
        UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
            sums[i] = c[i * Known::c(p)];
        }
        std::size_t at = 0;
        for (std::size_t left = p.depth; left > 0; --left) {
            const float factor = p.b[at];
            if (bits_of(factor) != 0) {
                UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
                    sums[i] = fma(a[i * Known::a(p)], factor, sums[i]);
                }
            }
            ++a;
            at += Known::b(p);
        }
        UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
            c[i * Known::c(p)] = sums[i];
        }
    }
    if constexpr (kRows > 1) {
        if (m < p.rows) {
            add_sparse_column<Known, 1>(p, m);
        }
    }
}

// C = A B, or as `kInto` and `Needed` say. Without vectors, tiles for the strides of the standard
// model are compiled apart: sixteen positions or features, and four times as many for the width of
// the MLP.
template <class AnyLanes, Order kA, Into kInto = Into::fresh, Order kB = Order::row_major,
          class Needed = Whole>
void multiply(const Product& p) {
    using Lanes = typename AnyLanes::Single;
    if constexpr (Lanes::kWidth == 1) {
        using Standard = Strides<16, 16, 16>;
        using FromWide = Strides<64, 16, 16>;  // weights of fc2
        using ToWide = Strides<16, 16, 64>;    // their gradient
        if (Standard::fit(p)) {
            return multiply_known<Lanes, Standard, kA, kB, kInto, Needed>(p);
        }
        if constexpr (kInto == Into::sum || kInto == Into::relu_gradient) {
            if (FromWide::fit(p)) {
                return multiply_known<Lanes, FromWide, kA, kB, kInto, Needed>(p);
            }
        }
        if constexpr (kB == Order::transposed) {
            if (ToWide::fit(p)) {
                return multiply_known<Lanes, ToWide, kA, kB, kInto, Needed>(p);
            }
        }
    }
    multiply_known<Lanes, AnyStrides, kA, kB, kInto, Needed>(p);
}

// C += A B. Many elements of B are +0.
template <class Lanes>
void add_sparse(const Product& p) {
    if (Lanes::Single::kWidth > 1 || p.columns > 1) {
        multiply<Lanes, Order::row_major, Into::sum>(p);
    } else if (Strides<64, 16, 16>::fit(p)) {
        add_sparse_column<Strides<64, 16, 16>, 8>(p, 0);
    } else {
        add_sparse_column<AnyStrides, 8>(p, 0);
    }
}

// C = A B^T, or as `Needed` says. Vectors need B^T transposed, in `buffer` [depth x columns].
template <class AnyLanes, class Needed>
void multiply_by_transposed(const Product& p, float* buffer, std::size_t buffer_stride) {
    if constexpr (AnyLanes::Single::kWidth == 1) {
        multiply<AnyLanes, Order::row_major, Into::fresh, Order::transposed, Needed>(p);
    } else {
        transpose<AnyLanes>(p.b, p.b_stride, p.columns, buffer, buffer_stride, p.depth);
        Product by_rows = p;
        by_rows.b = buffer;
        by_rows.b_stride = buffer_stride;
        multiply<AnyLanes, Order::row_major, Into::fresh, Order::row_major, Needed>(by_rows);
    }
}

}  // namespace
}  // namespace ugpt::engine

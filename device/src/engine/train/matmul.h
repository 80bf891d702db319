// Products of matrices in tiles whose accumulators stay in registers.
#pragma once

#include "engine/train/tile.h"
#include "engine/train/tile_xtensa.h"
#include "engine/train/transpose.h"

namespace ugpt::engine {
namespace {

// Narrows a product to what is needed of it in columns [n, end): all rows and terms.
struct Whole {
    explicit Whole(const Product&) {}
    template <Order kB>
    void narrow(Product&, std::size_t, std::size_t) const {}
};

// Computes rows of kVectors vectors from column n on, from row m on in whole tiles of kRows rows.
// Returns the first row that is left.
template <class Lanes, class Known, Order kA, Order kB, Into kInto, std::size_t kRows,
          std::size_t kVectors>
UGPT_LANE std::size_t multiply_rows(const Product& p, std::size_t m, std::size_t n) {
    std::size_t tiles = (p.rows - m) / kRows;
    if (tiles > 0) {
        const Product copy = p;  // stays in registers: no store can change it
        const float* a = p.a + m * (kA == Order::transposed ? 1 : Known::a(p));
        const float* b = p.b + (kB == Order::transposed ? n * Known::b(p) : n);
        float* c = p.c + m * Known::c(p) + n;
        m += tiles * kRows;
        using Assembly = XtensaTile<Lanes, Known, kA, kB, kInto, kRows, kVectors>;
        if constexpr (Assembly::kExists) {
            Assembly::compute(copy, a, b, c, tiles);
        } else {
            for (;;) {
                Tile<Lanes, Known, kA, kB, kInto, kRows, kVectors>::compute(copy, a, b, c);
                if (--tiles == 0) {
                    break;
                }
                a += kRows * (kA == Order::transposed ? 1 : Known::a(p));
                c += kRows * Known::c(copy);
            }
        }
    }
    return m;
}

// The same, compiled once for all that call it: tiles at an edge.
template <class Lanes, class Known, Order kA, Order kB, Into kInto, std::size_t kRows,
          std::size_t kVectors>
[[gnu::noinline]] std::size_t multiply_edge(const Product& p, std::size_t m, std::size_t n) {
    return multiply_rows<Lanes, Known, kA, kB, kInto, kRows, kVectors>(p, m, n);
}

// Computes all rows of kVectors vectors from column n on, in tiles of kMost rows, then of fewer.
template <class Lanes, class Known, Order kA, Order kB, Into kInto, std::size_t kMost,
          std::size_t kVectors>
[[gnu::noinline]] void multiply_columns(const Product& p, std::size_t n) {
    std::size_t m = multiply_rows<Lanes, Known, kA, kB, kInto, kMost, kVectors>(p, 0, n);
    if constexpr (kMost > 4) {
        if (p.rows - m >= 4) {
            m = multiply_edge<Lanes, Known, kA, kB, kInto, 4, kVectors>(p, m, n);
        }
    }
    switch (p.rows - m) {
        case 3:
            if constexpr (kMost > 3) {
                multiply_edge<Lanes, Known, kA, kB, kInto, 3, kVectors>(p, m, n);
            }
            break;
        case 2:
            multiply_edge<Lanes, Known, kA, kB, kInto, 2, kVectors>(p, m, n);
            break;
        case 1:
            multiply_edge<Lanes, Known, kA, kB, kInto, 1, kVectors>(p, m, n);
            break;
        default:
            break;
    }
}

// Uses at most twelve accumulators at a time: with their operands they fit into sixteen registers.
template <class Lanes, class Known, Order kA, Order kB, Into kInto, class Needed>
void multiply_known(Product& p) {
    const Needed needed(p);
    std::size_t vectors = (p.columns + Lanes::kWidth - 1) / Lanes::kWidth;
    while (vectors > 0) {
        // Tiles of three by four need the fewest loads a product, four by three hardly more.
        const std::size_t taken = vectors <= 3 ? vectors : vectors % 3 == 0 || vectors == 5 ? 3 : 4;
        vectors -= taken;
        const std::size_t n = vectors * Lanes::kWidth;
        needed.template narrow<kB>(p, n, n + taken * Lanes::kWidth);
        switch (taken) {
            case 1:
                multiply_columns<Lanes, Known, kA, kB, kInto, 8, 1>(p, n);
                break;
            case 2:
                multiply_columns<Lanes, Known, kA, kB, kInto, 6, 2>(p, n);
                break;
            case 3:
                multiply_columns<Lanes, Known, kA, kB, kInto, 4, 3>(p, n);
                break;
            default:
                multiply_columns<Lanes, Known, kA, kB, kInto, 3, 4>(p, n);
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

// C = A B, or as `kInto` and `Needed` say, which narrows `p`. Without vectors, tiles for the
// strides of the standard model are compiled apart: sixteen positions or features, and four times
// as many for the width of the MLP.
template <class AnyLanes, Order kA, Into kInto = Into::fresh, Order kB = Order::row_major,
          class Needed = Whole>
void multiply(Product& p) {
    using Lanes = typename AnyLanes::Single;
    if constexpr (UGPT_STANDARD_STRIDES && Lanes::kWidth == 1) {
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
void add_sparse(Product& p) {
    if (Lanes::Single::kWidth > 1 || p.columns > 1) {
        multiply<Lanes, Order::row_major, Into::sum>(p);
    } else if (UGPT_STANDARD_STRIDES && Strides<64, 16, 16>::fit(p)) {
        add_sparse_column<Strides<64, 16, 16>, 8>(p, 0);
    } else {
        add_sparse_column<AnyStrides, 8>(p, 0);
    }
}

// C = A B^T, or as `Needed` says. Vectors need B^T transposed, in `buffer` [depth x columns].
template <class AnyLanes, class Needed>
void multiply_by_transposed(Product& p, float* buffer, std::size_t buffer_stride) {
    if constexpr (AnyLanes::Single::kWidth == 1) {
        multiply<AnyLanes, Order::row_major, Into::fresh, Order::transposed, Needed>(p);
    } else {
        transpose<AnyLanes>(p.b, p.b_stride, p.columns, buffer, buffer_stride, p.depth);
        p.b = buffer;
        p.b_stride = buffer_stride;
        multiply<AnyLanes, Order::row_major, Into::fresh, Order::row_major, Needed>(p);
    }
}

}  // namespace
}  // namespace ugpt::engine

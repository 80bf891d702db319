// Large tiles in the assembly of the LX6 and LX7, whose loads can move a pointer on, which GCC does
// not use. So a step of the sums is seven loads and twelve products, and nothing else.
#pragma once

#include "engine/train/tile.h"

namespace ugpt::engine {
namespace {

// Does what Tile does, for `tiles` tiles one below the other, if it exists: C++ is the equal that a
// host tests.
template <class Lanes, class Known, Order kA, Order kB, Into kInto, std::size_t kRows,
          std::size_t kVectors>
struct XtensaTile {
    static constexpr bool kExists = false;
};

#if defined(__XTENSA__) && !defined(__XTENSA_SOFT_FLOAT__)

// clang-format off
// A step of a tile of 4 x 3: three columns are held, rows come one at a time. The load that moves a
// pointer is the last one through it. `op` sets the sums (mul.s) or adds to them (madd.s).
#define UGPT_ROW(op, i)                 \
    op " %[s" #i "0], %[x], %[y0]\n"    \
    op " %[s" #i "1], %[x], %[y1]\n"    \
    op " %[s" #i "2], %[x], %[y2]\n"
#define UGPT_STEP_4X3(op)               \
    "lsi %[x], %[a], 3 * %[row]\n"      \
    "lsi %[y1], %[b], %[column]\n"      \
    "lsi %[y2], %[b], 2 * %[column]\n"  \
    "lsip %[y0], %[b], %[step_b]\n"     \
    UGPT_ROW(op, 3)                     \
    "lsi %[x], %[a], 2 * %[row]\n"      \
    UGPT_ROW(op, 2)                     \
    "lsi %[x], %[a], %[row]\n"          \
    UGPT_ROW(op, 1)                     \
    "lsip %[x], %[a], %[step_a]\n"      \
    UGPT_ROW(op, 0)

// The same of 3 x 4: three rows are held, columns come one at a time.
#define UGPT_COLUMN(op, j)              \
    op " %[s0" #j "], %[y0], %[x]\n"    \
    op " %[s1" #j "], %[y1], %[x]\n"    \
    op " %[s2" #j "], %[y2], %[x]\n"
#define UGPT_STEP_3X4(op)               \
    "lsi %[x], %[b], 3 * %[column]\n"   \
    "lsi %[y1], %[a], %[row]\n"         \
    "lsi %[y2], %[a], 2 * %[row]\n"     \
    "lsip %[y0], %[a], %[step_a]\n"     \
    UGPT_COLUMN(op, 3)                  \
    "lsi %[x], %[b], 2 * %[column]\n"   \
    UGPT_COLUMN(op, 2)                  \
    "lsi %[x], %[b], %[column]\n"       \
    UGPT_COLUMN(op, 1)                  \
    "lsip %[x], %[b], %[step_b]\n"      \
    UGPT_COLUMN(op, 0)

// Loads a sum from C.
#define UGPT_LOAD(i, j) "lsi %[s" #i #j "], %[c], " #i " * %[row_c] + " #j " * 4\n"
#define UGPT_LOAD_3(i) UGPT_LOAD(i, 0) UGPT_LOAD(i, 1) UGPT_LOAD(i, 2)
#define UGPT_LOAD_4X3 UGPT_LOAD_3(0) UGPT_LOAD_3(1) UGPT_LOAD_3(2) UGPT_LOAD_3(3)
#define UGPT_LOAD_3X4 \
    UGPT_LOAD_3(0) UGPT_LOAD(0, 3) UGPT_LOAD_3(1) UGPT_LOAD(1, 3) UGPT_LOAD_3(2) UGPT_LOAD(2, 3)

// Other tasks and interrupts do no harm: ESP-IDF saves the registers of the loop.
#define UGPT_SUMS(first, step) first "loopnez %[steps], 1f\n" step "1:\n"

#define UGPT_SUM(i, j) [s##i##j] "=&f"(s[i][j])
#define UGPT_SUM_3(i) UGPT_SUM(i, 0), UGPT_SUM(i, 1), UGPT_SUM(i, 2)
#define UGPT_SUM_4X3 UGPT_SUM_3(0), UGPT_SUM_3(1), UGPT_SUM_3(2), UGPT_SUM_3(3)
#define UGPT_SUM_3X4 \
    UGPT_SUM_3(0), UGPT_SUM(0, 3), UGPT_SUM_3(1), UGPT_SUM(1, 3), UGPT_SUM_3(2), UGPT_SUM(2, 3)
#define UGPT_ASM(sums, text)                                                                    \
    asm(text                                                                                    \
        : sums, [a] "+&a"(a), [b] "+&a"(b), [x] "=&f"(x), [y0] "=&f"(y0), [y1] "=&f"(y1),       \
          [y2] "=&f"(y2)                                                                        \
        : [steps] "a"(kInto == Into::sum ? depth : depth - 1), [c] "a"(c), [row] "i"(4 * kRow), \
          [column] "i"(4 * kColumn), [step_a] "i"(4 * kStepA), [step_b] "i"(4 * kStepB),        \
          [row_c] "i"(4 * kC)                                                                   \
        : "memory")
// clang-format on

template <std::size_t kStrideA, std::size_t kStrideB, std::size_t kC, Order kA, Order kB,
          Into kInto, std::size_t kRows, std::size_t kColumns>
    requires(kStrideA != 0 && kRows * kColumns == 12 && (kRows == 3 || kRows == 4))
struct XtensaTile<ScalarLanes, Strides<kStrideA, kStrideB, kC>, kA, kB, kInto, kRows, kColumns> {
    static constexpr bool kExists = true;

    UGPT_LANE void compute(const Product& p, const float* a, const float* b, float* c,
                           std::size_t tiles) {
        const float* mask = kInto == Into::relu_gradient ? p.mask + (c - p.c) : c;
        const std::size_t to_next_a = kRows * kRow - p.depth * kStepA;
        const std::size_t depth_b = p.depth * kStepB;
        do {
            float sums[kRows][kColumns];
            add(a, b, c, p.depth, sums);
            const float zero = zero_for_tile();
            UGPT_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
                UGPT_UNROLL for (std::size_t j = 0; j < kColumns; ++j) {
                    const std::size_t at = i * kC + j;
                    c[at] = finished(sums[i][j], mask + at, zero);
                }
            }
            a += to_next_a;
            b -= depth_b;
            c += kRows * kC;
            mask += kRows * kC;
        } while (--tiles > 0);
    }

  private:
    // From one row of A, step of the sums or column of B to the next.
    static constexpr std::size_t kRow = kA == Order::transposed ? 1 : kStrideA;
    static constexpr std::size_t kStepA = kA == Order::transposed ? kStrideA : 1;
    static constexpr std::size_t kColumn = kB == Order::transposed ? kStrideB : 1;
    static constexpr std::size_t kStepB = kB == Order::transposed ? 1 : kStrideB;

    // +0, if it is needed. The sums leave no register for it before the tile.
    UGPT_LANE float zero_for_tile() {
        float zero = 0.0f;
        if constexpr (kInto == Into::relu || kInto == Into::relu_gradient) {
            asm volatile("const.s %0, 0" : "=f"(zero));
        }
        return zero;
    }

    UGPT_LANE float finished(float sum, const float* mask, float zero) {
        if constexpr (kInto == Into::relu) {
            sum = zero_if_less<ScalarLanes>(sum, zero, sum, zero);
        } else if constexpr (kInto == Into::relu_gradient) {
            sum = zero < *mask ? sum : zero;
        }
        return sum;
    }

    // The sums of a tile. `a` and `b` end up behind its last step.
    UGPT_LANE void add(const float*& a, const float*& b, const float* c, std::size_t depth,
                       float (&s)[kRows][kColumns]) {
        float x, y0, y1, y2;
        if constexpr (kRows == 4 && kInto == Into::sum) {
            UGPT_ASM(UGPT_SUM_4X3, UGPT_SUMS(UGPT_LOAD_4X3, UGPT_STEP_4X3("madd.s")));
        } else if constexpr (kRows == 4) {
            UGPT_ASM(UGPT_SUM_4X3, UGPT_SUMS(UGPT_STEP_4X3("mul.s"), UGPT_STEP_4X3("madd.s")));
        } else if constexpr (kInto == Into::sum) {
            UGPT_ASM(UGPT_SUM_3X4, UGPT_SUMS(UGPT_LOAD_3X4, UGPT_STEP_3X4("madd.s")));
        } else {
            UGPT_ASM(UGPT_SUM_3X4, UGPT_SUMS(UGPT_STEP_3X4("mul.s"), UGPT_STEP_3X4("madd.s")));
        }
    }
};

#undef UGPT_ROW
#undef UGPT_STEP_4X3
#undef UGPT_COLUMN
#undef UGPT_STEP_3X4
#undef UGPT_LOAD
#undef UGPT_LOAD_3
#undef UGPT_LOAD_4X3
#undef UGPT_LOAD_3X4
#undef UGPT_SUMS
#undef UGPT_SUM
#undef UGPT_SUM_3
#undef UGPT_SUM_4X3
#undef UGPT_SUM_3X4
#undef UGPT_ASM
#endif

}  // namespace
}  // namespace ugpt::engine

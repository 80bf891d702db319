// Exact sums of q8 rows with the MAC16 of the Xtensa LX6 and LX7: a product of two halves of
// registers is added to an accumulator of 40 bits, while the next activations are loaded.
#pragma once

#include "engine/infer/product_q8.h"

#if defined(__XTENSA__)
#include <xtensa/config/core-isa.h>
#endif

#if defined(__XTENSA__) && XCHAL_HAVE_MAC16
#define UGPT_HAS_MAC16

namespace ugpt::engine::infer {
namespace {

// What is done with a word of four weights, each an instruction: they become the pairs (0, 2) and
// (1, 3), which are multiplied by pairs of activations in M0 and M1. LOAD is of the next word,
// early enough that nothing waits for it; LAST multiplies and loads the next pair, if there is one.
#define UGPT_MAC16_WORD(LOAD, LAST)            \
    "and %[even], %[word], %[mask]\n"          \
    "srli %[odd], %[word], 8\n" LOAD           \
    "and %[odd], %[odd], %[mask]\n"            \
    "mula.da.ll.ldinc m1, %[x], m0, %[even]\n" \
    "mula.da.hh m0, %[even]\n" LAST "mula.da.hh m1, %[odd]\n"
#define UGPT_MAC16_LOAD(offset) "l32i %[word], %[w], " #offset "\n"
#define UGPT_MAC16_ON "mula.da.ll.ldinc m0, %[x], m1, %[odd]\n"
#define UGPT_MAC16_END "mula.da.ll m1, %[odd]\n"

// The integers lie in the order 0, 2, 1, 3, so that a word of theirs is a pair. Weights are read by
// whole words, so they may lie in IRAM. Reads up to 12 bytes behind a row.
//
// %[even] is the sum too, before the loop and behind it, since registers are scarce.
//
// Of the accumulator only the lower 32 bits count, so what stands in the upper ones is no matter.
// The compiler knows of it, but not of M0 and M1, which it never uses. Other tasks and interrupts
// do no harm: ESP-IDF saves MAC16 and the registers of the loop with every context.
struct Mac16Dot {
    template <std::size_t kRows>
    UGPT_LANE void compute(const std::uint8_t* w, std::size_t, const std::int16_t* x,
                           std::size_t cols, std::uint32_t* sums) {
        static_assert(kRows == 1, "there is one accumulator");
        const std::int16_t* before = x - 2;  // ldinc counts up, then loads
        std::uint32_t sum = sums[0], word, odd;
        asm volatile(
            "wsr.acclo %[even]\n"
            "loop %[turns], 1f\n"  // of 16 columns
            UGPT_MAC16_LOAD(0)
            "ldinc m0, %[x]\n"
            UGPT_MAC16_WORD(UGPT_MAC16_LOAD(4), UGPT_MAC16_ON)
            UGPT_MAC16_WORD(UGPT_MAC16_LOAD(8), UGPT_MAC16_ON)
            UGPT_MAC16_WORD(UGPT_MAC16_LOAD(12), UGPT_MAC16_ON)
            UGPT_MAC16_WORD("", UGPT_MAC16_END)
            "addi %[w], %[w], 16\n"
            "1:\n"
            "rsr.acclo %[even]\n"
            : [even] "+&r"(sum), [w] "+&r"(w), [x] "+&r"(before), [word] "=&r"(word), [odd] "=&r"(odd)
            : [turns] "r"((cols + 15) / 16), [mask] "r"(0x00ff00ffu),
              "m"(*reinterpret_cast<const std::uint8_t(*)[]>(w)),
              "m"(*reinterpret_cast<const std::int16_t(*)[]>(before))
            : "acc");
        sums[0] = sum;
    }
};

#undef UGPT_MAC16_WORD
#undef UGPT_MAC16_LOAD
#undef UGPT_MAC16_ON
#undef UGPT_MAC16_END

}  // namespace
}  // namespace ugpt::engine::infer
#endif

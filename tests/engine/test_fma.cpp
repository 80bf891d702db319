// The integer fused multiply-add against the C library's, which is exact.
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include "check.h"
#include "engine/numeric/bits.h"
#include "engine/numeric/fma.h"
#include "engine/numeric/random.h"
#include "engine/numeric/self_test.h"
#include "engine/train.h"

using namespace ugpt::engine;

namespace {

bool same(float a, float b) {
    return bits_of(a) == bits_of(b) || (a != a && b != b);
}

bool agrees(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    const float got = soft_fma(float_of(a), float_of(b), float_of(c));
    const float expected = std::fma(float_of(a), float_of(b), float_of(c));
    if (same(got, expected)) {
        return true;
    }
    std::printf("  fma(%08x, %08x, %08x) = %08x, not %08x\n", a, b, c, bits_of(got),
                bits_of(expected));
    return false;
}

std::uint32_t random_word(std::uint64_t stream, std::uint64_t i) {
    return static_cast<std::uint32_t>(random_bits(7, stream, i) >> 20);
}

}  // namespace

TEST(soft_fma_of_any_bits) {
    for (std::uint64_t i = 0; i < 2'000'000; ++i) {
        if (!CHECK(agrees(random_word(0, i), random_word(1, i), random_word(2, i)))) {
            return;
        }
    }
}

// Addends near the product: cancellation, ties and sticky bits.
TEST(soft_fma_of_close_magnitudes) {
    for (std::uint64_t i = 0; i < 2'000'000; ++i) {
        const std::uint32_t a = (random_word(0, i) & 0x83ffffffu) | 0x3c000000u;
        const std::uint32_t b = (random_word(1, i) & 0x83ffffffu) | 0x3c000000u;
        const float product = -(float_of(a) * float_of(b));
        const std::uint32_t near = bits_of(product) + random_word(2, i) % 5 - 2;
        const std::uint32_t far = bits_of(product) ^ (random_word(3, i) & 0x8fffffffu);
        if (!CHECK(agrees(a, b, near)) || !CHECK(agrees(a, b, far))) {
            return;
        }
    }
}

TEST(soft_fma_of_results_near_the_denormals) {
    for (std::uint64_t i = 0; i < 2'000'000; ++i) {
        const std::uint32_t a = (random_word(0, i) & 0x87ffffffu) | 0x20000000u;
        const std::uint32_t b = (random_word(1, i) & 0x87ffffffu) | 0x1c000000u;
        const std::uint32_t c = random_word(2, i) & 0x82ffffffu;
        if (!CHECK(agrees(a, b, c))) {
            return;
        }
    }
}

TEST(soft_fma_of_corners) {
    constexpr std::array<std::uint32_t, 18> kCorners{
        0x00000000u, 0x80000000u, 0x00000001u, 0x80000001u, 0x007fffffu, 0x00800000u,
        0x00800001u, 0x3f800000u, 0xbf800000u, 0x3f800001u, 0x3f7fffffu, 0x34000000u,
        0x4b000001u, 0x7f7fffffu, 0xff7fffffu, 0x7f800000u, 0xff800000u, 0x7fc00000u};
    for (const std::uint32_t a : kCorners) {
        for (const std::uint32_t b : kCorners) {
            for (const std::uint32_t c : kCorners) {
                CHECK(agrees(a, b, c));
            }
        }
    }
}

TEST(fma_rounds_once) {
    // 1 + 2^-12 squared is 1 + 2^-11 + 2^-24; rounding the product first would lose the last term.
    const float x = 1.0f + 0x1p-12f;
    CHECK(fma(x, x, -(1.0f + 0x1p-11f)) == 0x1p-24f);
    CHECK(soft_fma(x, x, -(1.0f + 0x1p-11f)) == 0x1p-24f);
}

TEST(float_of_fixed_rounds_to_even) {
    CHECK(float_of_fixed(0, 32) == 0.0f);
    CHECK(float_of_fixed(std::uint64_t{3} << 31, 32) == 1.5f);
    CHECK(float_of_fixed((1u << 24) + 1, 0) == 16777216.0f);
    CHECK(float_of_fixed((1u << 24) + 3, 0) == 16777220.0f);
    CHECK(float_of_fixed(~std::uint64_t{0}, 64) == 1.0f);
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        const std::uint64_t value = random_bits(8, 0, i) >> (i % 60);
        CHECK(float_of_fixed(value, 0) == static_cast<float>(value));
    }
}

TEST(self_test_passes) {
    const SelfTest test = run_self_test();
    CHECK(test.passed());
    CHECK(test.digest == test.expected);
}

TEST(failed_operations_are_named) {
    SelfTest test;
    test.failed = 1u << static_cast<unsigned>(Operation::sum) |
                  1u << static_cast<unsigned>(Operation::inverse_root);
    char text[64];
    CHECK(std::string_view(text, write_failed(test, text)) == "sum, inverse root");
    CHECK(std::string_view(text, write_failed(test, std::span(text).first(6))) == "sum, i");
    CHECK(write_failed(SelfTest{}, text) == 0);
}

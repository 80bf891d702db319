// A digest of the primitive operations, by which a processor or compiler that computes other bits
// says so at once.
#include <array>

#include "engine/adam_step.h"
#include "engine/bits.h"
#include "engine/math.h"
#include "engine/model.h"
#include "engine/random.h"

namespace ugpt::engine {

namespace {

// FNV-1a over words, with every NaN the same.
class Digest {
  public:
    void add(std::uint32_t word) { value_ = (value_ ^ word) * 16777619u; }
    void add(float x) {
        const std::uint32_t bits = bits_of(x);
        add((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits);
    }
    [[nodiscard]] std::uint32_t value() const { return value_; }

  private:
    std::uint32_t value_ = 2166136261u;
};

// Zeros, the ends of the denormals and of the normal numbers, infinities, NaN, ties of rounding.
constexpr std::array<std::uint32_t, 24> kCorners{
    0x00000000u, 0x80000000u, 0x00000001u, 0x80000001u, 0x00000002u, 0x007fffffu,
    0x807fffffu, 0x00800000u, 0x80800000u, 0x00800001u, 0x01000000u, 0x33800000u,
    0x34000000u, 0x3effffffu, 0x3f000000u, 0x3f7fffffu, 0x3f800000u, 0xbf800000u,
    0x3f800001u, 0x40000000u, 0x4b800001u, 0x7f7fffffu, 0x7f800000u, 0xff800000u};

// The processor must do the arithmetic: volatile keeps the compiler from doing it beforehand.
float read(std::uint32_t bits) {
    const volatile float x = float_of(bits);
    return x;
}

void add_arithmetic(Digest& digest, float a, float b) {
    digest.add(a + b);
    digest.add(a - b);
    digest.add(a * b);
    digest.add(static_cast<std::uint32_t>((a < b ? 1 : 0) + (a > b ? 2 : 0) + (a == b ? 4 : 0)));
}

void add_corners(Digest& digest) {
    for (const std::uint32_t bits_a : kCorners) {
        for (const std::uint32_t bits_b : kCorners) {
            const float a = read(bits_a);
            const float b = read(bits_b);
            add_arithmetic(digest, a, b);
            for (const std::uint32_t bits_c : kCorners) {
                digest.add(fma(a, b, read(bits_c)));
            }
        }
    }
}

// A float of moderate exponent, or of any, from random bits.
float random_float(std::uint64_t stream, std::uint64_t counter) {
    const auto bits = static_cast<std::uint32_t>(random_bits(1, stream, counter));
    const bool any_exponent = counter % 4 == 0;
    return read(any_exponent ? bits : (bits & 0x87ffffffu) | 0x3c000000u);
}

void add_random(Digest& digest) {
    for (std::uint64_t i = 0; i < 1000; ++i) {
        const float a = random_float(1, i);
        const float b = random_float(2, i);
        add_arithmetic(digest, a, b);
        digest.add(fma(a, b, random_float(3, i)));
        digest.add(fma(a, b, -(a * b)));  // what rounding lost
    }
}

void add_functions(Digest& digest) {
    for (std::uint64_t i = 0; i < 500; ++i) {
        const float unit = random_uniform(2, 0, i);
        const float wide = float_of(0x20000000u + static_cast<std::uint32_t>(i) * 0x200000u);
        digest.add(exponential<ScalarLanes>(unit * -90.0f));
        digest.add(reciprocal<ScalarLanes>(wide));
        digest.add(inverse_root<ScalarLanes>(wide));
        digest.add(logarithm<ScalarLanes>(wide));
        digest.add(random_normal(3, 0, i));
    }
}

void add_conversions(Digest& digest) {
    for (std::uint64_t i = 0; i < 500; ++i) {
        const std::uint64_t bits = random_bits(4, 0, i);
        const volatile auto integer = static_cast<std::int32_t>(bits);
        digest.add(static_cast<float>(integer));
        digest.add(float_of_fixed(bits >> (i % 64), static_cast<int>(i % 65)));
    }
}

}  // namespace

std::uint32_t self_test_digest() {
    Digest digest;
    add_corners(digest);
    add_random(digest);
    add_functions(digest);
    add_conversions(digest);
    return digest.value();
}

const std::uint32_t kSelfTestExpected = 0x4588164fu;

}  // namespace ugpt::engine

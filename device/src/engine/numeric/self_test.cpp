#include "engine/numeric/self_test.h"

#include <algorithm>

#include "engine/numeric/bits.h"
#include "engine/numeric/math.h"
#include "engine/numeric/random.h"
#include "engine/numeric/self_test_lanes.h"

namespace ugpt::engine {

namespace {

constexpr std::array<std::string_view, kOperationCount> kNames{
    "sum",         "product",   "product and sum", "fma",          "comparison",    "conversion",
    "exponential", "logarithm", "reciprocal",      "inverse root", "random numbers"};

// Zeros, the smallest and largest denormals and normal numbers, infinities, ties of rounding.
constexpr std::array<std::uint32_t, 24> kCorners{
    0x00000000u, 0x80000000u, 0x00000001u, 0x80000001u, 0x00000002u, 0x007fffffu,
    0x807fffffu, 0x00800000u, 0x80800000u, 0x00800001u, 0x01000000u, 0x33800000u,
    0x34000000u, 0x3effffffu, 0x3f000000u, 0x3f7fffffu, 0x3f800000u, 0xbf800000u,
    0x3f800001u, 0x40000000u, 0x4b800001u, 0x7f7fffffu, 0x7f800000u, 0xff800000u};
constexpr std::size_t kTriples = kCorners.size() * kCorners.size() * kCorners.size();
constexpr std::size_t kCornerBatches =
    (kTriples + SelfTestInputs::kCount - 1) / SelfTestInputs::kCount;
constexpr std::size_t kRandomBatches = 16;

// The processor must do the arithmetic: volatile prevents the compiler from doing it.
float read(std::uint32_t bits) {
    const volatile float x = float_of(bits);
    return x;
}

// A random float, of any exponent every fourth time and of a moderate one else.
float random_float(std::uint64_t stream, std::uint64_t counter) {
    const auto bits = static_cast<std::uint32_t>(random_bits(1, stream, counter));
    const bool any_exponent = counter % 4 == 0;
    return read(any_exponent ? bits : (bits & 0x87ffffffu) | 0x3c000000u);
}

// The operands of a batch: first all triples of corners, then random ones.
void fill(std::size_t batch, SelfTestInputs& inputs) {
    for (std::size_t i = 0; i < SelfTestInputs::kCount; ++i) {
        const std::size_t number = batch * SelfTestInputs::kCount + i;
        if (number < kTriples) {
            inputs.a[i] = read(kCorners[number / kCorners.size() / kCorners.size()]);
            inputs.b[i] = read(kCorners[number / kCorners.size() % kCorners.size()]);
            inputs.c[i] = read(kCorners[number % kCorners.size()]);
        } else {
            inputs.a[i] = random_float(1, number);
            inputs.b[i] = random_float(2, number);
            inputs.c[i] = random_float(3, number);
        }
        const auto bits = static_cast<std::uint32_t>(random_bits(2, 0, number));
        inputs.negative[i] = read(0xc2b40000u) * random_uniform(2, 1, number);
        inputs.positive[i] = read(0x20800000u + bits % 0x3e000000u);
    }
}

// The operations that no instruction set computes with vectors.
void digest_scalars(OperationDigests& digests) {
    Digest conversion, logarithms, random_numbers;
    for (std::uint64_t i = 0; i < 500; ++i) {
        const std::uint64_t bits = random_bits(4, 0, i);
        const volatile auto integer = static_cast<std::int32_t>(bits);
        conversion.add(static_cast<float>(integer));
        conversion.add(float_of_fixed(bits >> (i % 64), static_cast<int>(i % 65)));
        const auto wide = 0x20000000u + static_cast<std::uint32_t>(i) * 0x200000u;
        logarithms.add(logarithm<ScalarLanes>(read(wide)));
        random_numbers.add(random_normal(3, 0, i));
    }
    digests[static_cast<std::size_t>(Operation::conversion)] = conversion.value();
    digests[static_cast<std::size_t>(Operation::logarithm)] = logarithms.value();
    digests[static_cast<std::size_t>(Operation::random_numbers)] = random_numbers.value();
}

OperationDigests digests_of(LanesTest test) {
    OperationDigests digests{};
    SelfTestInputs inputs;
    for (std::size_t batch = 0; batch < kCornerBatches + kRandomBatches; ++batch) {
        fill(batch, inputs);
        test(inputs, digests);
    }
    digest_scalars(digests);
    return digests;
}

std::uint32_t digest_of(const OperationDigests& digests) {
    Digest digest;
    for (const std::uint32_t each : digests) {
        digest.add(each);
    }
    return digest.value();
}

}  // namespace

void Digest::add(float x) {
    const std::uint32_t bits = bits_of(x);
    add((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits);
}

std::string_view name_of(Operation operation) {
    return kNames[static_cast<std::size_t>(operation)];
}

SelfTest test_arithmetic(std::span<const LanesTest> instruction_sets) {
    SelfTest test;
    test.expected = test.digest = digest_of(kExpectedDigests);
    for (const LanesTest each : instruction_sets) {
        const OperationDigests digests = digests_of(each);
        for (std::size_t i = 0; i < kOperationCount; ++i) {
            if (digests[i] != kExpectedDigests[i]) {
                test.failed |= 1u << i;
                test.digest = digest_of(digests);
            }
        }
    }
    return test;
}

std::size_t write_failed(const SelfTest& test, std::span<char> out) {
    std::size_t size = 0;
    const auto append = [&](std::string_view text) {
        const std::size_t taken = std::min(text.size(), out.size() - size);
        std::copy_n(text.begin(), taken, out.begin() + static_cast<std::ptrdiff_t>(size));
        size += taken;
    };
    for (std::size_t i = 0; i < kOperationCount; ++i) {
        if (test.failed_at(static_cast<Operation>(i))) {
            append(size > 0 ? ", " : "");
            append(kNames[i]);
        }
    }
    return size;
}

const OperationDigests kExpectedDigests{0x7a443cc7u, 0x90fe4ac2u, 0xe489c6c6u, 0x855ac043u,
                                        0x40c7275fu, 0xfb33fc4bu, 0x81d1a2efu, 0xa48dbee9u,
                                        0x8482acf9u, 0xbdde4eeeu, 0xe6661815u};

}  // namespace ugpt::engine

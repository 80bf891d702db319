#include "engine/numeric/random.h"

namespace ugpt::engine {

namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;

std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

}  // namespace

std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
    return mix(mix(seed + (stream + 1) * kGolden) + (counter + 1) * kGolden);
}

float random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
    const auto bits = static_cast<std::int32_t>(random_bits(seed, stream, counter) >> 40);
    return static_cast<float>(bits) * 0x1p-24f;
}

float random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
    std::int32_t sum = 6 - 6 * 65536;  // a uniform's mean is 65535 / 2
    for (std::uint64_t word = 0; word < 3; ++word) {
        std::uint64_t bits = random_bits(seed, stream, 3 * counter + word);
        for (int i = 0; i < 4; ++i) {
            sum += static_cast<std::int32_t>(bits & 0xffffu);
            bits >>= 16;
        }
    }
    return static_cast<float>(sum) * 0x1p-16f;
}

}  // namespace ugpt::engine

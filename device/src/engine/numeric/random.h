// Random numbers as a function of (seed, stream, counter): no state, so any of them can be had at
// any time and in any order.
#pragma once

#include <cstdint>

namespace ugpt::engine {

// 64 bits; two rounds of the finaliser of SplitMix64 (G. Steele et al., 2014).
std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

// A multiple of 2^-24 in [0, 1).
float random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

// Of mean 0 and variance 1: the sum of twelve 16-bit uniforms (Irwin-Hall), at most 6 either way.
float random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

}  // namespace ugpt::engine

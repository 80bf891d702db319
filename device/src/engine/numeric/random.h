// Random numbers as a function of (seed, stream, counter). There is no state, so they can be
// computed in any order.
#pragma once

#include <cstdint>

namespace ugpt::engine {

// 64 random bits: two rounds of the finaliser of SplitMix64 (G. Steele et al., 2014).
std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

// A multiple of 2^-24 in [0, 1).
float random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

// Mean 0 and variance 1: the sum of twelve 16-bit uniforms (Irwin-Hall), between -6 and 6.
float random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

}  // namespace ugpt::engine

// The constants of one optimiser step: the part of Adam that is the same for all parameters.
#pragma once

#include <cstdint>

#include "engine/config.h"

namespace ugpt::engine {

// Sums of the powers of beta1 and beta2, by which the moments are normalised: after t steps
// 1 + beta + ... + beta^(t-1), in fixed point with 32 fractional bits, a function of t alone.
struct BiasCorrection {
    std::uint64_t first = 0;
    std::uint64_t second = 0;

    static BiasCorrection after(std::uint32_t steps, const Recipe& recipe);
    void advance(const Recipe& recipe);
};

// The learning rate of the step after `completed` steps.
float learning_rate(std::uint32_t completed, const Recipe& recipe);

struct AdamStep {
    // The fast inverse root gives 1 / (kInverseScale sqrt(v)), with a relative error below 7e-7 of
    // mean 0.
    static constexpr float kInverseScale = 1.0f / 0.11377891145742611f;
    static constexpr float kEpsilonScale = 0.7692024574204823f;
    // Epsilon is carried to first order if sqrt(v) is at least this many times as large.
    static constexpr float kSmallRoot = 2304.0f;
    // Every kFlushEvery steps, moments below these become +0, so that moments do not stay denormal.
    // In between, a first moment cannot fall to a denormal for beta1 >= 0.84.
    static constexpr std::uint32_t kFlushEvery = 256;
    static constexpr float kTinyFirst = 0x1p-60f;
    static constexpr float kTinySecond = 0x1p-100f;

    std::uint32_t number = 0;  // of this step, from 1 on
    float beta1 = 0;
    float beta2 = 0;
    float decay_factor = 1;  // weight decay multiplies weights by it
    float rate = 0;          // learning rate with both bias corrections
    float epsilon = 0;       // in units of the second moment's root
    float fast_rate = 0;     // rate and epsilon for the fast inverse root
    float fast_epsilon = 0;
    // Guess and Newton constant of the fast inverse root: variables, so that they stay in
    // registers.
    std::uint32_t magic = 0x5ecfe72bu;
    float newton = 0.44375431537628174f;
    float small = 0;  // second moments below this need exact_weight

    // The step after `completed` steps; `correction` is that of completed + 1 steps.
    static AdamStep at(std::uint32_t completed, const BiasCorrection& correction,
                       const Recipe& recipe);
};

}  // namespace ugpt::engine

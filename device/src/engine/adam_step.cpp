#include "engine/adam_step.h"

#include "engine/bits.h"
#include "engine/math.h"

namespace ugpt::engine {

namespace {

constexpr std::uint64_t kOne = std::uint64_t{1} << 32;

// 1 + beta * sum, all with 32 fractional bits, rounded down. beta is below 1 and exact to 32 bits
// from 2^-8 on.
std::uint64_t next_sum(std::uint64_t sum, float beta) {
    const auto factor = static_cast<std::uint64_t>(beta * 0x1p+32f);
    const std::uint64_t high = (sum >> 32) * factor;
    const std::uint64_t low = ((sum & (kOne - 1)) * factor) >> 32;
    return kOne + high + low;
}

std::uint64_t sum_after(std::uint32_t steps, float beta) {
    std::uint64_t sum = 0;
    for (std::uint32_t t = 0; t < steps; ++t) {
        const std::uint64_t next = next_sum(sum, beta);
        if (next == sum) {
            break;
        }
        sum = next;
    }
    return sum;
}

}  // namespace

BiasCorrection BiasCorrection::after(std::uint32_t steps, const Recipe& recipe) {
    return {sum_after(steps, recipe.beta1), sum_after(steps, recipe.beta2)};
}

void BiasCorrection::advance(const Recipe& recipe) {
    first = next_sum(first, recipe.beta1);
    second = next_sum(second, recipe.beta2);
}

AdamStep AdamStep::at(std::uint32_t completed, const BiasCorrection& correction,
                      const Recipe& recipe) {
    const std::uint32_t left =
        completed < recipe.total_steps ? recipe.total_steps - completed : 0;
    const float part = static_cast<float>(left) *
                       reciprocal<ScalarLanes>(static_cast<float>(recipe.total_steps));
    const float first_sum = float_of_fixed(correction.first, 32);
    const float second_sum = float_of_fixed(correction.second, 32);
    const float root = second_sum * inverse_root<ScalarLanes>(second_sum);

    AdamStep step;
    step.beta1 = recipe.beta1;
    step.beta2 = recipe.beta2;
    step.rate = recipe.learning_rate * part * reciprocal<ScalarLanes>(first_sum) * root;
    step.epsilon = recipe.epsilon * root;
    step.fast_rate = step.rate * kInverseScale;
    step.fast_epsilon = step.epsilon * kEpsilonScale;
    const float small_root = step.epsilon * kSmallRoot;
    step.small = small_root * small_root;
    return step;
}

}  // namespace ugpt::engine

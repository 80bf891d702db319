#include "engine/train/adam_step.h"

#include "engine/numeric/bits.h"
#include "engine/numeric/math.h"

namespace ugpt::engine {

namespace {

constexpr std::uint64_t kUnit = std::uint64_t{1} << 32;

// 1 + beta * sum, all with 32 fractional bits, rounded down. beta is below 1 and exact to 32 bits
// from 2^-8 on.
std::uint64_t next_sum(std::uint64_t sum, float beta) {
    const auto factor = static_cast<std::uint64_t>(beta * 0x1p+32f);
    const std::uint64_t high = (sum >> 32) * factor;
    const std::uint64_t low = ((sum & (kUnit - 1)) * factor) >> 32;
    return kUnit + high + low;
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

// (1 - cos(pi x)) / 2 for 0 <= x <= 1, as a polynomial of z = 2x - 1: (1 + sin(pi/2 z)) / 2. Error
// below 2e-7.
float cosine_rise(float x) {
    const float z = fma(2.0f, x, -1.0f);
    const float square = z * z;
    float p = 7.541028026025742e-05f;
    p = fma(p, square, -0.0023361139465123415f);
    p = fma(p, square, 0.03984424099326134f);
    p = fma(p, square, -0.32298168540000916f);
    p = fma(p, square, 0.7853981256484985f);
    return fma(p, z, 0.5f);
}

// The part of the full learning rate that the schedule leaves.
float scheduled_part(std::uint32_t completed, const Recipe& recipe) {
    const std::uint32_t warmup = recipe.warmup_steps;
    if (completed < warmup) {
        return static_cast<float>(completed + 1) *
               reciprocal<ScalarLanes>(static_cast<float>(warmup));
    }
    if (recipe.schedule == Schedule::constant) {
        return 1.0f;
    }
    if (completed >= recipe.total_steps) {
        return 0.0f;
    }
    const auto left = static_cast<float>(recipe.total_steps - completed);
    const auto span = static_cast<float>(recipe.total_steps - warmup);
    const float part = left * reciprocal<ScalarLanes>(span);
    return recipe.schedule == Schedule::cosine ? cosine_rise(part) : part;
}

}  // namespace

float learning_rate(std::uint32_t completed, const Recipe& recipe) {
    return recipe.learning_rate * scheduled_part(completed, recipe);
}

BiasCorrection BiasCorrection::after(std::uint32_t steps, const Recipe& recipe) {
    return {sum_after(steps, recipe.beta1), sum_after(steps, recipe.beta2)};
}

void BiasCorrection::advance(const Recipe& recipe) {
    first = next_sum(first, recipe.beta1);
    second = next_sum(second, recipe.beta2);
}

AdamStep AdamStep::at(std::uint32_t completed, const BiasCorrection& correction,
                      const Recipe& recipe) {
    const float rate = learning_rate(completed, recipe);
    const float first_sum = float_of_fixed(correction.first, 32);
    const float second_sum = float_of_fixed(correction.second, 32);
    const float root = second_sum * inverse_root<ScalarLanes>(second_sum);

    AdamStep step;
    step.number = completed + 1;
    step.decay_factor = fma(-rate, recipe.weight_decay, 1.0f);
    step.beta1 = recipe.beta1;
    step.beta2 = recipe.beta2;
    step.rate = rate * reciprocal<ScalarLanes>(first_sum) * root;
    step.epsilon = recipe.epsilon * root;
    step.fast_rate = step.rate * kInverseScale;
    step.fast_epsilon = step.epsilon * kEpsilonScale;
    const float small_root = step.epsilon * kSmallRoot;
    step.small = small_root * small_root;
    return step;
}

}  // namespace ugpt::engine

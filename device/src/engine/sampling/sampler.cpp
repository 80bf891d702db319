#include "engine/sampling/sampler.h"

#include "engine/numeric/math.h"

namespace ugpt::engine {

Sampler::Sampler(float temperature) : inverse_temperature_(reciprocal<ScalarLanes>(temperature)) {}

std::size_t Sampler::draw(const Logits& logits, float uniform) const {
    float maximum = logits[0];
    for (std::size_t v = 1; v < logits.count; ++v) {
        maximum = ScalarLanes::max(logits[v], maximum);
    }
    const Exponential<ScalarLanes> exponential;
    float sum = 0.0f;
    for (std::size_t v = 0; v < logits.count; ++v) {
        sum = sum + exponential((logits[v] - maximum) * inverse_temperature_);
        logits[v] = sum;
    }
    // The sums are compared with a multiple of the whole one, so no probability is divided by it.
    const float bound = uniform * sum;
    std::size_t chosen = 0;
    while (chosen + 1 < logits.count && !(logits[chosen] > bound)) {
        ++chosen;
    }
    return chosen;
}

}  // namespace ugpt::engine

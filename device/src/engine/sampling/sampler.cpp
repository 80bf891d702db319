#include "engine/sampling/sampler.h"

#include <algorithm>

#include "engine/numeric/math.h"
#include "engine/sampling/cut.h"

namespace ugpt::engine {
namespace {

// Probabilities as whole numbers, and shares of them: 65,535 of them fit into 64 bits as a product.
constexpr float kOne = 0x1p+24f;
constexpr int kOneBits = 24;

// What is farther below the maximum has no mass: e^-17 is below 2^-24.
constexpr float kMassless = -17.0f;

std::uint64_t whole(float part) {
    return part > 0.0f ? static_cast<std::uint64_t>(static_cast<std::int32_t>(part * kOne)) : 0;
}

// e^((logit - maximum) / temperature). Constructed once for a draw, as `Exponential` asks.
class Powers {
  public:
    Powers(float maximum, float inverse_temperature)
        : maximum_(maximum), inverse_temperature_(inverse_temperature) {}

    float operator()(float logit) const { return exponential_(exponent(logit)); }
    [[nodiscard]] std::uint64_t mass(float logit) const {
        const float x = exponent(logit);
        return x > kMassless ? whole(exponential_(x)) : 0;
    }

  private:
    [[nodiscard]] float exponent(float logit) const {
        return (logit - maximum_) * inverse_temperature_;
    }

    Exponential<ScalarLanes> exponential_;
    float maximum_;
    float inverse_temperature_;
};

float maximum_of(const Logits& logits) {
    float maximum = logits[0];
    for (std::size_t v = 1; v < logits.count; ++v) {
        maximum = ScalarLanes::max(logits[v], maximum);
    }
    return maximum;
}

std::size_t likeliest(const Logits& logits) {
    std::size_t best = 0;
    for (std::size_t v = 1; v < logits.count; ++v) {
        if (logits[v] > logits[best]) best = v;
    }
    return best;
}

template <class Mass>
std::uint64_t sum_of(const Cut& cut, const Logits& logits, const Mass& mass) {
    std::uint64_t sum = 0;
    Members members(cut);
    for (std::size_t v = 0; v < logits.count; ++v) {
        if (members.take(key_of(logits[v]))) sum += mass(logits[v]);
    }
    return sum;
}

}  // namespace

Sampler::Sampler(const Sampling& sampling)
    : sampling_(sampling), inverse_temperature_(reciprocal<ScalarLanes>(sampling.temperature)) {}

std::size_t Sampler::draw(const Logits& logits, float uniform) const {
    if (sampling_.temperature < Sampling::kGreedyBelow) return likeliest(logits);
    const Powers power(maximum_of(logits), inverse_temperature_);
    Cut cut;
    if (sampling_.top_k > 0 && sampling_.top_k < logits.count) {
        cut = shorten(cut, logits, sampling_.top_k, [](float) { return std::uint64_t{1}; });
    }
    if (sampling_.top_p < 1.0f) {
        const auto mass = [&](float logit) { return power.mass(logit); };
        // Nothing to share out if no logit is finite.
        if (const std::uint64_t sum = sum_of(cut, logits, mass); sum > 0) {
            const std::uint64_t product = sum * whole(sampling_.top_p);
            const std::uint64_t wanted = (product >> kOneBits) + (product % (1u << kOneBits) != 0);
            cut = shorten(cut, logits, std::max<std::uint64_t>(wanted, 1), mass);
        }
    }
    Members members(cut);
    const bool all = cut.leaves_all();  // no key is computed then
    std::size_t last = 0;
    float sum = 0.0f;
    for (std::size_t v = 0; v < logits.count; ++v) {
        if (all || members.take(key_of(logits[v]))) {
            sum = sum + power(logits[v]);
            last = v;
        }
        logits[v] = sum;
    }
    // The sums are compared with a multiple of the whole one, so no probability is divided by it.
    const float bound = uniform * sum;
    std::size_t chosen = 0;
    while (chosen < last && !(logits[chosen] > bound)) {
        ++chosen;
    }
    return chosen;
}

}  // namespace ugpt::engine

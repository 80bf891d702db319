#include <cmath>
#include <vector>

#include "check.h"
#include "engine/numeric/random.h"
#include "engine/sampling/sampler.h"

using namespace ugpt::engine;

namespace {

const std::vector<float> kLogits{0.5f, -1.0f, 2.0f, 2.0f, -30.0f, 1.25f};

std::size_t draw(std::vector<float> logits, float temperature, float uniform) {
    return Sampler(temperature).draw({logits.data(), 1, logits.size()}, uniform);
}

// Running sums of the probabilities, in double precision.
std::vector<double> running_sums(double temperature) {
    std::vector<double> sums;
    double sum = 0.0;
    for (const float logit : kLogits) {
        sums.push_back(sum += std::exp(static_cast<double>(logit) / temperature));
    }
    for (double& each : sums) {
        each /= sum;
    }
    return sums;
}

}  // namespace

TEST(a_token_is_drawn_when_its_running_sum_passes_the_uniform) {
    for (const float temperature : {0.25f, 0.5f, 1.0f, 3.0f}) {
        const std::vector<double> sums = running_sums(static_cast<double>(temperature));
        for (std::size_t v = 0; v < kLogits.size(); ++v) {
            const double begin = v == 0 ? 0.0 : sums[v - 1];
            if (sums[v] - begin < 1e-5) {
                continue;  // too unlikely for float32 to hit
            }
            CHECK(draw(kLogits, temperature, static_cast<float>(begin + 2e-6)) == v);
            CHECK(draw(kLogits, temperature, static_cast<float>(sums[v] - 2e-6)) == v);
        }
    }
}

TEST(the_first_and_the_last_token_are_drawn_at_the_ends) {
    CHECK(draw(kLogits, 1.0f, 0.0f) == 0);
    CHECK(draw({-100.0f, 0.0f}, 1.0f, 0.0f) == 1);  // the power is +0: no uniform can draw it
    CHECK(draw({0.0f, 0.0f, 0.0f}, 1.0f, 1.0f - 0x1p-24f) == 2);
    CHECK(draw({1.0f}, 1.0f, 0.5f) == 0);
}

TEST(a_low_temperature_draws_the_likeliest_token) {
    const std::vector<float> logits{0.0f, 1.0f, 3.0f, 2.0f};
    for (std::uint64_t i = 0; i < 100; ++i) {
        CHECK(draw(logits, 0.01f, random_uniform(1, 0, i)) == 2);
    }
}

TEST(the_stride_of_the_logits_does_not_matter) {
    constexpr std::size_t kStride = 3;
    for (std::uint64_t i = 0; i < 200; ++i) {
        const float uniform = random_uniform(2, 0, i);
        std::vector<float> spread(kStride * kLogits.size(), 7.0f);
        for (std::size_t v = 0; v < kLogits.size(); ++v) {
            spread[v * kStride] = kLogits[v];
        }
        const Logits strided{spread.data(), kStride, kLogits.size()};
        CHECK(Sampler(0.8f).draw(strided, uniform) == draw(kLogits, 0.8f, uniform));
        CHECK(spread[1] == 7.0f && spread[kStride + 2] == 7.0f);
    }
}

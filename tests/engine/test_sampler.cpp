#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "check.h"
#include "engine/numeric/random.h"
#include "engine/reference/model.h"
#include "engine/sampling/sampler.h"

using namespace ugpt::engine;

namespace {

const std::vector<float> kLogits{0.5f, -1.0f, 2.0f, 2.0f, -30.0f, 1.25f};

std::size_t draw(std::vector<float> logits, const Sampling& sampling, float uniform) {
    return Sampler(sampling).draw({logits.data(), 1, logits.size()}, uniform);
}

std::size_t draw(const std::vector<float>& logits, float temperature, float uniform) {
    return draw(logits, Sampling{.temperature = temperature}, uniform);
}

// Every token that some uniform draws.
std::set<std::size_t> drawn_by_all(const std::vector<float>& logits, const Sampling& sampling) {
    std::set<std::size_t> drawn;
    for (int i = 0; i < 4096; ++i) {
        drawn.insert(draw(logits, sampling, static_cast<float>(i) / 4096.0f));
    }
    return drawn;
}

// Logits of a few values only, so that many are equal: some of them zeros of both signs.
std::vector<float> logits_with_ties(std::uint64_t stream, std::size_t count, float values) {
    std::vector<float> logits;
    for (std::uint64_t i = 0; i < count; ++i) {
        const float value = std::floor(random_uniform(stream, 0, i) * values) - values / 2.0f;
        logits.push_back(value == 0.0f && i % 2 == 0 ? -0.0f : value / 4.0f);
    }
    return logits;
}

std::vector<float> random_logits(std::uint64_t stream, std::size_t count) {
    std::vector<float> logits;
    for (std::uint64_t i = 0; i < count; ++i) {
        logits.push_back(8.0f * (random_uniform(stream, 0, i) + random_uniform(stream, 1, i)));
    }
    return logits;
}

std::size_t draw_by_reference(const std::vector<float>& logits, const Sampling& sampling,
                              float uniform) {
    const ugpt::reference::SampleRequest request{.temperature = sampling.temperature,
                                                 .top_k = sampling.top_k,
                                                 .top_p = sampling.top_p,
                                                 .prompt = {},
                                                 .uniforms = {}};
    return ugpt::reference::choose(logits, request, uniform);
}

void check_like_reference(const std::vector<float>& logits, std::uint64_t stream, int draws) {
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(draws); ++i) {
        const auto number = [&](std::uint64_t which) { return random_uniform(stream, which, i); };
        const auto size = static_cast<float>(logits.size());
        const Sampling sampling{
            .temperature = i % 11 == 0 ? 0.0f : 0.1f + 2.0f * number(2),
            .top_k = i % 3 == 0 ? 0 : static_cast<std::uint32_t>(1.2f * size * number(3)),
            .top_p = i % 4 == 0 ? 1.0f : number(4)};
        const float uniform = i % 7 == 0 ? 1.0f - 0x1p-24f : number(5);
        CHECK(draw(logits, sampling, uniform) == draw_by_reference(logits, sampling, uniform));
    }
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
        CHECK(Sampler({.temperature = 0.8f}).draw(strided, uniform) ==
              draw(kLogits, 0.8f, uniform));
        CHECK(spread[1] == 7.0f && spread[kStride + 2] == 7.0f);
    }
}

TEST(a_temperature_of_zero_takes_the_first_of_the_likeliest) {
    for (const float uniform : {0.0f, 0.5f, 1.0f - 0x1p-24f}) {
        CHECK(draw(kLogits, 0.0f, uniform) == 2);
        CHECK(draw({-0.0f, 0.0f, -1.0f}, 0.0f, uniform) == 0);
        CHECK(draw({-3.0f, -2.0f, -2.0f}, 1e-30f, uniform) == 1);
    }
}

TEST(top_k_keeps_the_likeliest_and_the_first_of_equal_ones) {
    using Set = std::set<std::size_t>;
    CHECK(drawn_by_all(kLogits, {.temperature = 1.0f, .top_k = 1}) == Set{2});
    CHECK(drawn_by_all(kLogits, {.temperature = 1.0f, .top_k = 2}) == (Set{2, 3}));
    CHECK(drawn_by_all(kLogits, {.temperature = 1.0f, .top_k = 3}) == (Set{2, 3, 5}));
    const std::vector<float> zeros{-1.0f, 0.0f, -0.0f, 0.0f, -0.0f};
    CHECK(drawn_by_all(zeros, {.temperature = 1.0f, .top_k = 3}) == (Set{1, 2, 3}));
    CHECK(drawn_by_all(zeros, {.temperature = 1.0f, .top_k = 9}) == (Set{0, 1, 2, 3, 4}));
}

TEST(top_p_keeps_the_fewest_that_have_this_share) {
    using Set = std::set<std::size_t>;
    // Shares of 1/2, 1/4, 1/8 and 1/8.
    const float half = std::log(2.0f);
    const std::vector<float> logits{-3.0f * half, 0.0f - half, -2.0f * half, -3.0f * half};
    CHECK(drawn_by_all(logits, {.temperature = 1.0f, .top_p = 0.0f}) == Set{1});
    CHECK(drawn_by_all(logits, {.temperature = 1.0f, .top_p = 0.49f}) == Set{1});
    CHECK(drawn_by_all(logits, {.temperature = 1.0f, .top_p = 0.51f}) == (Set{1, 2}));
    CHECK(drawn_by_all(logits, {.temperature = 1.0f, .top_p = 0.76f}) == (Set{0, 1, 2}));
    CHECK(drawn_by_all(logits, {.temperature = 1.0f, .top_p = 0.88f}) == (Set{0, 1, 2, 3}));
    // A share of what the other limit leaves: 2/3 and 1/3.
    CHECK(drawn_by_all(logits, {.temperature = 1.0f, .top_k = 2, .top_p = 0.6f}) == Set{1});
}

TEST(limits_that_leave_all_tokens_change_nothing) {
    for (std::uint64_t i = 0; i < 300; ++i) {
        const std::vector<float> logits = random_logits(i, 1 + i);
        const float uniform = random_uniform(3, 0, i);
        const std::size_t plain = draw(logits, 0.7f, uniform);
        CHECK(draw(logits, Sampling{.temperature = 0.7f, .top_k = 301}, uniform) == plain);
        CHECK(draw(logits, Sampling{.temperature = 0.7f, .top_p = 1.0f}, uniform) == plain);
    }
}

TEST(the_same_tokens_as_the_reference) {
    for (std::uint64_t i = 0; i < 120; ++i) {
        check_like_reference(random_logits(i, 1 + 7 * i), i, 25);
        check_like_reference(logits_with_ties(i, 1 + 7 * i, 9.0f), i, 25);
    }
}

TEST(the_same_tokens_as_the_reference_of_a_large_vocabulary) {
    check_like_reference(random_logits(1, 32'000), 1, 20);
    check_like_reference(logits_with_ties(2, 32'000, 40.0f), 2, 20);
    check_like_reference(std::vector<float>(65'535, 1.5f), 3, 10);
}

TEST(logits_that_are_no_numbers_draw_some_token) {
    const float infinity = std::numeric_limits<float>::infinity();
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<std::vector<float>> rows{{nan, nan, nan},
                                               {infinity, 0.0f, -infinity},
                                               {0.0f, nan, 1.0f},
                                               {-infinity, -infinity, -infinity}};
    for (const std::vector<float>& row : rows) {
        for (const float temperature : {0.0f, 1.0f}) {
            for (const std::uint32_t top_k : {0u, 1u, 2u}) {
                const Sampling sampling{temperature, top_k, 0.5f};
                CHECK(draw(row, sampling, 0.5f) < row.size());
            }
        }
    }
}

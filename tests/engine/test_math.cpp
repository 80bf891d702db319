// Error bounds of the engine's functions, against the C library in double precision.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "check.h"
#include "engine/numeric/math.h"
#include "engine/numeric/random.h"
#include "engine/train/adam.h"

using namespace ugpt::engine;

namespace {

// Largest relative error of f over the floats from `first` to `last`, every `stride`-th of them.
template <typename Function, typename Exact>
double worst_error(float first, float last, std::uint32_t stride, Function f, Exact exact) {
    double worst = 0.0;
    for (std::uint32_t bits = bits_of(first); bits <= bits_of(last); bits += stride) {
        const float x = float_of(bits);
        const double expected = exact(static_cast<double>(x));
        worst = std::max(worst, std::fabs(static_cast<double>(f(x)) / expected - 1.0));
    }
    std::printf("  worst relative error %.3g\n", worst);
    return worst;
}

double exact_exp(double x) {
    return std::exp(x);
}
double exact_reciprocal(double x) {
    return 1.0 / x;
}
double exact_inverse_root(double x) {
    return 1.0 / std::sqrt(x);
}
double exact_log(double x) {
    return std::log(x);
}

}  // namespace

TEST(exponential_error) {
    const Exponential<ScalarLanes> f;
    CHECK(worst_error(-0x1p-30f, -86.0f, 97, f, exact_exp) < 2.1e-7);
    CHECK(worst_error(0x1p-30f, 88.0f, 97, f, exact_exp) < 2.1e-7);
}

TEST(exponential_corners) {
    const Exponential<ScalarLanes> exponential;
    CHECK(exponential(0.0f) == 1.0f);
    CHECK(exponential(-0.0f) == 1.0f);
    CHECK(exponential(-86.0f) > 0x1p-126f);
    CHECK(bits_of(exponential(-86.00001f)) == 0);
    CHECK(bits_of(exponential(-INFINITY)) == 0);
    const float nan = exponential(NAN);
    CHECK(nan != nan);
}

TEST(reciprocal_error) {
    const auto f = reciprocal<ScalarLanes>;
    CHECK(worst_error(1.0f, 4.0f, 1, f, exact_reciprocal) < 6.1e-8);
    CHECK(worst_error(0x1p-125f, 0x1p125f, 1009, f, exact_reciprocal) < 6.1e-8);
    CHECK(reciprocal<ScalarLanes>(1.0f) == 1.0f);
    CHECK(reciprocal<ScalarLanes>(0.5f) == 2.0f);
    CHECK(reciprocal<ScalarLanes>(16.0f) == 0.0625f);
}

TEST(inverse_root_error) {
    const auto f = inverse_root<ScalarLanes>;
    CHECK(worst_error(1.0f, 4.0f, 1, f, exact_inverse_root) < 1.0e-7);
    CHECK(worst_error(0x1p-125f, 0x1p127f, 1009, f, exact_inverse_root) < 1.0e-7);
    CHECK(inverse_root<ScalarLanes>(4.0f) == 0.5f);
    CHECK(inverse_root<ScalarLanes>(1.0f) == 1.0f);
}

TEST(logarithm_error) {
    const auto f = logarithm<ScalarLanes>;
    CHECK(worst_error(0x1p-126f, 0.9f, 1009, f, exact_log) < 1.6e-7);
    CHECK(worst_error(0.9f, 1.0f - 0x1p-20f, 1, f, exact_log) < 1.6e-7);
    CHECK(worst_error(1.0f + 0x1p-20f, 1.1f, 1, f, exact_log) < 1.6e-7);
    CHECK(worst_error(1.1f, 0x1p127f, 1009, f, exact_log) < 1.6e-7);
    CHECK(logarithm<ScalarLanes>(1.0f) == 0.0f);
    CHECK(!is_finite(logarithm<ScalarLanes>(INFINITY)));
    CHECK(!is_finite(logarithm<ScalarLanes>(NAN)));
}

namespace {

// One Adam step from given moments with a zero gradient and betas of 1, so that only the weight's
// change is left to look at; in double precision beside it.
struct Change {
    float actual;
    double expected;
};

Change adam_change(float first, float second, float epsilon) {
    AdamStep step;
    step.beta1 = 1.0f;
    step.beta2 = 1.0f;
    step.rate = 0.01f;
    step.epsilon = epsilon;
    step.fast_rate = step.rate * AdamStep::kInverseScale;
    step.fast_epsilon = epsilon * AdamStep::kEpsilonScale;
    step.small = (epsilon * AdamStep::kSmallRoot) * (epsilon * AdamStep::kSmallRoot);
    float w = 0.0f;
    float m = first;
    float v = second;
    const float g = 0.0f;
    adam<ScalarLanes>(step, {&w, &m, &v, &g}, 1);
    const double rate = static_cast<double>(step.rate);
    return {w, -rate * static_cast<double>(first) /
                   (std::sqrt(static_cast<double>(second)) + static_cast<double>(epsilon))};
}

}  // namespace

TEST(adam_inverse_root_error) {
    double worst = 0.0;
    double mean = 0.0;
    int count = 0;
    for (std::uint32_t bits = bits_of(1.0f); bits < bits_of(4.0f); bits += 7, ++count) {
        const Change change = adam_change(1.0f, float_of(bits), 1e-20f);
        const double error = static_cast<double>(change.actual) / change.expected - 1.0;
        worst = std::max(worst, std::fabs(error));
        mean += error;
    }
    std::printf("  worst relative error %.3g, mean %.3g\n", worst, mean / count);
    CHECK(worst < 7e-7);
    CHECK(std::fabs(mean / count) < 1e-7);
}

// Across the border between the two ways, and far on both sides of it.
TEST(adam_carries_epsilon) {
    double worst = 0.0;
    for (std::uint32_t bits = bits_of(1e-30f); bits < bits_of(1e10f); bits += 4099) {
        const Change change = adam_change(1e-3f, float_of(bits), 1e-8f);
        worst =
            std::max(worst, std::fabs(static_cast<double>(change.actual) / change.expected - 1.0));
    }
    std::printf("  worst relative error %.3g\n", worst);
    CHECK(worst < 1.4e-6);  // worst where epsilon is 1/2304 of the root
}

TEST(adam_of_nothing_changes_nothing) {
    CHECK(adam_change(0.0f, 0.0f, 1e-8f).actual == 0.0f);
    CHECK(adam_change(1e-24f, 0.0f, 1e-8f).actual == -0.01f * (1e-24f * 1e8f));
}

TEST(bias_correction_is_a_function_of_the_step) {
    const Recipe recipe;
    BiasCorrection running;
    double first = 0.0;
    double second = 0.0;
    for (std::uint32_t t = 1; t <= 3000; ++t) {
        running.advance(recipe);
        first = 1.0 + static_cast<double>(recipe.beta1) * first;
        second = 1.0 + static_cast<double>(recipe.beta2) * second;
        const BiasCorrection direct = BiasCorrection::after(t, recipe);
        CHECK(direct.first == running.first && direct.second == running.second);
        CHECK_NEAR(static_cast<double>(running.first) * 0x1p-32, first, 1e-8 * first);
        CHECK_NEAR(static_cast<double>(running.second) * 0x1p-32, second, 1e-7 * second);
    }
}

TEST(normal_deviates_have_the_right_moments) {
    constexpr int kCount = 200'000;
    double sum = 0.0;
    double squares = 0.0;
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const double x = static_cast<double>(random_normal(42, 0, i));
        sum += x;
        squares += x * x;
    }
    CHECK_NEAR(sum / kCount, 0.0, 0.01);
    CHECK_NEAR(squares / kCount, 1.0, 0.02);
}

TEST(uniform_deviates_fill_the_unit_interval) {
    constexpr int kCount = 200'000;
    double sum = 0.0;
    float least = 1.0f;
    float most = 0.0f;
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const float x = random_uniform(42, 3, i);
        CHECK(x >= 0.0f && x < 1.0f);
        sum += static_cast<double>(x);
        least = std::min(least, x);
        most = std::max(most, x);
    }
    CHECK_NEAR(sum / kCount, 0.5, 0.005);
    CHECK(least < 1e-4f && most > 0.9999f);
}

// What the optimiser stores is what is read back. When moments were stored as floats and read as
// words, GCC 12 at -O2 took the second reading below from the first one. The file holds nothing
// else and is compiled for fused multiply-adds, so that every call can be inlined.
#include <cstdio>

#include "check.h"
#include "engine/train/moments.h"
#include "engine/train/update.h"
#include "engine/words.h"

using namespace ugpt::engine;

namespace {

// A float that is replaced as a tensor of weights is, word by word.
[[gnu::noinline]] float replaced(float* target, const float* source) {
    *target = 1.0f;
    *reinterpret_cast<volatile AnyWord*>(target) = *reinterpret_cast<const AnyWord*>(source);
    return *target;
}

// By how much a step changes the only first moment of a matrix.
[[gnu::noinline]] float change_by_step(const Network& net, const AdamStep& step,
                                       const Matrix& matrix, const float* gradient) {
    float before = 0.0f;
    float after = 0.0f;
    unpack_moments<Moment::first>(MomentFormat::f32, matrix.first_moment, 1, 0, 1, &before);
    step_weights<ScalarLanes>(net, step, matrix, 0, 1, gradient);
    unpack_moments<Moment::first>(MomentFormat::f32, matrix.first_moment, 1, 0, 1, &after);
    return after - before;
}

}  // namespace

TEST(a_float_that_was_written_as_a_word_is_read_back) {
    float value = 0.0f;
    const float other = 3.0f;
    CHECK(replaced(&value, &other) == other);
}

TEST(a_moment_read_after_a_step_is_the_one_after_it) {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("fma")) {
        std::puts("  skipped: this processor has no fused multiply-add");
        return;
    }
#endif
    float weight = 0.0f;
    float first = 0.0f;
    float second = 0.0f;
    const float gradient = 3.0f;
    const Network net{};
    Matrix matrix;
    matrix.weights = &weight;
    matrix.first_moment.values = &first;
    matrix.second_moment.values = &second;
    matrix.rows = matrix.cols = 1;
    BiasCorrection correction;
    correction.advance(Recipe{});
    const AdamStep step = AdamStep::at(0, correction, Recipe{});
    CHECK(change_by_step(net, step, matrix, &gradient) == gradient);
    CHECK(second == gradient * gradient && weight < 0.0f);
}

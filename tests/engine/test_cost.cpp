// The estimated cost of steps and tokens against every count for the LX6 in docs/performance.md.

#include <array>
#include <cmath>

#include "check.h"
#include "engine/train.h"

using namespace ugpt::engine;

namespace {

struct Row {
    Shape shape;
    std::size_t positions;
    float instructions;
    Recipe recipe = {};
};

constexpr Shape shape(std::uint32_t layers, std::uint32_t width, std::uint32_t block) {
    return {.n_layer = layers, .n_embd = width, .block_size = block};
}

// "Against the size of the model" and "What it costs in time".
constexpr std::array kRows{
    Row{shape(1, 16, 16), 8, 310'327},
    Row{shape(1, 16, 16), 16, 512'841},
    Row{shape(1, 32, 16), 8, 1'177'305},
    Row{shape(1, 64, 16), 8, 4'083'751},
    Row{shape(1, 128, 16), 8, 16'993'506},
    Row{shape(2, 16, 16), 8, 555'205},
    Row{shape(4, 16, 16), 8, 1'044'717},
    Row{shape(8, 16, 16), 8, 2'024'053},
    Row{shape(1, 16, 32), 8, 376'690},
    Row{shape(1, 16, 64), 8, 393'386},
    Row{shape(1, 16, 128), 8, 426'266},
    Row{shape(1, 16, 64), 4, 274'790},
    Row{shape(1, 16, 64), 16, 640'034},
    Row{shape(1, 16, 64), 32, 1'226'093},
    Row{shape(1, 16, 64), 64, 2'704'084},
    Row{shape(2, 16, 16), 8, 845'337, {.moments = MomentFormat::bf16}},
    Row{shape(2, 16, 16), 8, 1'007'324, {.moments = MomentFormat::q8}},
    Row{shape(2, 16, 16), 8, 600'346, {.activation_checkpointing = true}},
};

// The standard run has 6.98 positions a step on average.
float standard_step() {
    return 0.02f * step_instructions({}, {}, 6, true) + 0.98f * step_instructions({}, {}, 7, true);
}

}  // namespace

TEST(the_estimate_is_near_every_counted_step) {
    for (const Row& row : kRows) {
        const float estimate = step_instructions(row.shape, row.recipe, row.positions, true);
        CHECK_NEAR(estimate / row.instructions, 1.0, 0.03);
    }
}

TEST(the_estimate_is_nearer_to_the_standard_run) {
    CHECK_NEAR(standard_step() / 282'664, 1.0, 0.01);
}

TEST(a_chip_of_240_mhz_makes_the_steps_and_tokens_that_the_page_states) {
    const auto steps_per_s = [](std::uint32_t cores) {
        return 240e6 / (0.02 * static_cast<double>(step_cycles({}, {}, 6, true, cores)) +
                        0.98 * static_cast<double>(step_cycles({}, {}, 7, true, cores)));
    };
    CHECK_NEAR(steps_per_s(1), 670.0, 10.0);
    CHECK_NEAR(steps_per_s(2), 1'250.0, 20.0);
    // Texts of the standard model have about seven tokens, the one that ends them included.
    CHECK_NEAR(240e6 * 7.0 / static_cast<double>(sample_cycles({}, {}, 7)), 13'300.0, 200.0);
    CHECK_NEAR(sample_instructions({}, {}, 7) / 7.0f, 12'126.0, 100.0);
}

// "Critical path", of one core's instructions.
TEST(two_cores_take_the_part_that_was_counted) {
    struct Part {
        Shape shape;
        std::size_t positions;
        float percent;
    };
    for (const Part& row : {Part{shape(1, 16, 16), 7, 53.2f}, Part{shape(2, 16, 16), 8, 52.5f},
                            Part{shape(1, 64, 16), 8, 50.8f}, Part{shape(2, 64, 16), 8, 50.8f},
                            Part{shape(1, 16, 64), 64, 52.9f}}) {
        const float one = step_instructions(row.shape, {}, row.positions, true);
        const float two = critical_instructions(row.shape, one, row.positions, 2);
        CHECK_NEAR(100.0f * two / one, row.percent, 0.5f);
        CHECK(critical_instructions(row.shape, one, row.positions, 1) == one);
    }
}

TEST(an_evaluation_is_divided_like_a_step) {
    const auto ratio = [](std::size_t positions) {
        return static_cast<double>(evaluation_cycles({}, positions, 2)) /
               static_cast<double>(evaluation_cycles({}, positions, 1));
    };
    CHECK(ratio(7) > 0.5 && ratio(7) < 0.6);
    CHECK(ratio(16) > 0.5 && ratio(16) < 0.6);
}

TEST(a_batch_updates_the_weights_once) {
    const Recipe recipe{.batch = 4};
    const float first = step_instructions({}, recipe, 8, false);
    const float last = step_instructions({}, recipe, 8, true);
    CHECK(last > first);
    CHECK(first + last < 2.0f * step_instructions({}, {}, 8, true));
}

TEST(an_evaluation_costs_less_than_a_step) {
    CHECK(2.0f * evaluation_instructions({}, 8) < step_instructions({}, {}, 8, true));
}

TEST(keys_and_values_that_are_gone_are_computed_again) {
    const Recipe recompute{.activation_checkpointing = true};
    CHECK(sample_instructions({}, recompute, 1) == sample_instructions({}, {}, 1));
    CHECK(sample_instructions({}, recompute, 8) > 4.0f * sample_instructions({}, {}, 8));
}

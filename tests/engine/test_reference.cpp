// Every set of kernels against the plain reference, bit for bit, after every step.
#include <array>
#include <cmath>
#include <vector>

#include "check.h"
#include "engine/numeric/bits.h"
#include "engine/numeric/random.h"
#include "engine/train/kernels.h"
#include "side_by_side.h"

using namespace ugpt::engine;
using ugpt::check::random_number;
using ugpt::check::SideBySide;
using ugpt::check::Start;

namespace {

template <typename T, std::size_t kCount>
T pick(const std::array<T, kCount>& values, std::uint64_t stream, std::uint64_t counter) {
    return values[random_number(stream, counter, kCount)];
}

std::vector<Token> random_text(const Shape& shape, std::size_t length, std::uint64_t number) {
    std::vector<Token> text(length);
    for (std::size_t i = 0; i < length; ++i) {
        text[i] = static_cast<Token>(random_number(1'000'000 + number, i, shape.vocab_size));
    }
    return text;
}

// From empty ones to those that leave no room for BOS at their end.
std::vector<Token> random_text(const Shape& shape, std::uint64_t number) {
    return random_text(shape, random_number(2, number, shape.block_size + 1), number);
}

// A text with a prompt of random length, every other time from the caller's uniforms: zeros, and
// numbers so small that BOS, the last token, is seldom drawn.
void sample(SideBySide& both, const Shape& shape, std::uint64_t number) {
    constexpr std::array kTemperatures{0.1f, 0.5f, 1.0f, 3.0f};
    const auto prompt = random_text(shape, random_number(3, number, shape.block_size), number);
    std::vector<float> uniforms(number % 2 == 0 ? shape.block_size : 0);
    for (std::size_t i = 0; i < uniforms.size(); ++i) {
        uniforms[i] = i % 4 == 3 ? 0.0f : 0.8f * random_uniform(number, 5, i);
    }
    both.sample({.seed = number,
                 .sample_index = static_cast<std::uint32_t>(7 * number),
                 .temperature = pick(kTemperatures, 4, number),
                 .prompt = number % 3 == 0 ? std::span<const Token>{} : prompt,
                 .uniforms = uniforms});
}

// Trains, and evaluates and samples in between, which must leave no trace. Returns whether all
// gave the same.
bool run(const Start& start, std::uint32_t steps, std::uint64_t number = 0) {
    SideBySide both(start);
    for (std::uint32_t i = 0; i < steps && both.same(); ++i) {
        both.train(random_text(start.shape, 1000 * number + i));
        if (i % 3 == 0) {
            both.evaluate(random_text(start.shape, 1000 * number + i + 500));
            sample(both, start.shape, number + i);
        }
    }
    return both.same();
}

Start random_start(std::uint64_t number) {
    const auto any = [&](std::uint64_t i, std::uint32_t least, std::uint32_t most) {
        return least + random_number(10 + number, i, most - least + 1);
    };
    Start start;
    start.seed = number;
    const std::uint32_t heads = any(0, 1, 4);
    start.shape = {.n_layer = any(1, 1, 3),
                   .n_embd = heads * any(2, 1, 6),
                   .n_head = heads,
                   .block_size = any(3, 1, 36),
                   .vocab_size = number % 6 == 0 ? any(4, 257, 300) : any(4, 2, 40)};
    start.init_std = pick(std::array{0.02f, 0.08f, 0.5f, 2.0f}, 10 + number, 5);
    start.completed_steps = number % 2 == 0 ? 0 : 253;  // then moments are flushed on the way
    start.recipe = {
        .learning_rate = pick(std::array{0.001f, 0.01f, 0.1f}, 10 + number, 6),
        .beta1 = pick(std::array{0.5f, 0.85f, 0.9f, 0.999f}, 10 + number, 7),
        .beta2 = pick(std::array{0.9f, 0.99f, 0.999f}, 10 + number, 8),
        .epsilon = pick(std::array{0.0f, 1e-16f, 1e-10f, 1e-8f, 1e-5f, 0.1f}, 10 + number, 9),
        .total_steps = start.completed_steps + any(10, 3, 20),
        .schedule = static_cast<Schedule>(any(11, 0, 2)),
        .warmup_steps = any(12, 0, 1) * (start.completed_steps + 2),
        .weight_decay = pick(std::array{0.0f, 0.1f, 7.0f}, 10 + number, 13)};
    return start;
}

void run_random(std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t number = first; number < end; ++number) {
        CHECK(run(random_start(number), 5, number));
    }
}

}  // namespace

TEST(random_shapes) {
    run_random(0, 8);
}

TEST(more_random_shapes) {
    run_random(8, 36);
}

TEST(shapes_at_the_limits) {
    const std::array<Shape, 12> shapes{{{1, 1, 1, 1, 2},  // nothing smaller
                                        {1, 1, 1, 40, 2},
                                        {2, 8, 8, 20, 5},  // heads of one feature
                                        {2, 9, 3, 1, 6},   // every token by itself
                                        {3, 7, 1, 33, 2},
                                        {1, 16, 4, 16, 27},  // the standard strides
                                        {2, 16, 1, 12, 27},
                                        {2, 16, 16, 16, 16},
                                        {1, 72, 2, 17, 30},  // more rows than are updated at once
                                        {1, 5, 1, 8, 300},
                                        {1, 40, 1, 9, 20},
                                        {2, 20, 5, 48, 70}}};
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        CHECK(run({.shape = shapes[i], .recipe = {}, .seed = i}, 2, i));
    }
}

TEST(every_block_size) {
    for (std::uint32_t block_size = 1; block_size <= 40; ++block_size) {
        const Shape shape{2 + block_size % 2, 6, 2, block_size, 9};
        CHECK(run({.shape = shape, .recipe = {}, .init_std = 0.5f}, 2, block_size));
    }
}

TEST(texts_of_every_length) {
    const Shape shape{2, 6, 3, 34, 7};
    SideBySide both({.shape = shape, .recipe = {}, .init_std = 0.5f});
    for (std::size_t length = 0; length <= shape.block_size; ++length) {
        both.train(random_text(shape, length, length));
    }
    CHECK(both.same());
}

TEST(prompts_of_every_length) {
    const Shape shape{2, 6, 3, 20, 50};
    SideBySide both({.shape = shape, .recipe = {}, .init_std = 0.3f});
    std::size_t drawn = 0;
    for (std::size_t length = 0; length < shape.block_size; ++length) {
        const auto prompt = random_text(shape, length, length);
        drawn += both.sample({.seed = 3,
                              .sample_index = static_cast<std::uint32_t>(length),
                              .temperature = 1.0f,
                              .prompt = prompt,
                              .uniforms = {}});
    }
    CHECK(both.same());
    CHECK(drawn > 5 * shape.block_size);  // most texts are long
}

TEST(texts_of_the_likeliest_tokens) {
    const Shape shape{2, 6, 3, 20, 50};
    SideBySide both({.shape = shape, .recipe = {}, .init_std = 0.5f});
    std::size_t drawn = 0;
    for (std::uint32_t number = 0; number < 60; ++number) {
        drawn += both.sample({.seed = 3,
                              .sample_index = number,
                              .temperature = number % 5 == 0 ? 0.0f : 1.0f,
                              .top_k = random_number(7, number, 12),
                              .top_p = 0.2f + random_uniform(8, 0, number),
                              .prompt = {},
                              .uniforms = {}});
    }
    CHECK(both.same());
    CHECK(drawn > 5 * shape.block_size);
}

// The largest uniform that draws a token up to some one, and the float above it: what a difference
// in the last bit of a probability would move.
TEST(borders_between_tokens) {
    const Shape shape{1, 6, 2, 1, 12};
    SideBySide both({.shape = shape, .recipe = {}, .init_std = 1.0f});
    both.train(std::vector<Token>{3});
    for (std::uint64_t number = 0; number < 200; ++number) {
        const Token token = static_cast<Token>(random_number(5, number, shape.vocab_size - 1));
        const float temperature = 0.5f + random_uniform(6, 0, number);
        const auto passes = [&](float uniform) {
            const auto drawn = ugpt::reference::draw_text(
                both.reference().shape, both.reference().weights,
                {.temperature = temperature, .prompt = {}, .uniforms = {uniform}});
            return drawn.empty() || drawn[0] > token;  // empty: BOS, the last token
        };
        std::uint32_t below = 0;
        std::uint32_t above = bits_of(1.0f);
        while (above - below > 1) {
            const std::uint32_t middle = below + (above - below) / 2;
            (passes(float_of(middle)) ? above : below) = middle;
        }
        for (const float uniform : {float_of(below), float_of(above)}) {
            both.sample({.seed = 0,
                         .sample_index = static_cast<std::uint32_t>(number),
                         .temperature = temperature,
                         .prompt = {},
                         .uniforms = {&uniform, 1}});
        }
    }
    CHECK(both.same());
}

// Some tokens are seen in the first steps only, so that their moments fall below what is kept.
TEST(past_two_flushes) {
    const Shape shape{1, 4, 2, 5, 6};
    SideBySide both({.shape = shape, .recipe = {.beta2 = 0.86f, .total_steps = 600}});
    for (std::uint32_t i = 0; i < 520 && both.same(); ++i) {
        std::vector<Token> text = random_text(shape, i);
        for (Token& token : text) {
            token = i < 5 ? token : token % 3;
        }
        both.train(text);
    }
    CHECK(both.same());
}

TEST(a_loss_that_is_not_finite) {
    const Shape shape{2, 6, 2, 9, 5};
    SideBySide both({.shape = shape, .recipe = {}, .init_std = 0.3f});
    both.train(random_text(shape, 4, 1));
    for (std::size_t parameter = 0; parameter < 15; ++parameter) {
        const float before = both.poke(parameter, 0, INFINITY);
        const float loss = both.train(std::vector<Token>{0, 1, 0, 4});
        CHECK(loss != loss || parameter >= 3);
        both.poke(parameter, 0, before);
        both.train(random_text(shape, 5, parameter));
    }
    CHECK(both.same());
}

TEST(every_set_of_kernels_takes_part) {
    const KernelList list = available_kernels();
    std::size_t sets = 0;
    while (list.sets[sets] != nullptr) {
        ++sets;
    }
    CHECK(SideBySide({.shape = {1, 16, 4, 16, 27}, .recipe = {}}).contestants() == sets);
    CHECK(SideBySide({.shape = {2, 16, 4, 16, 27}, .recipe = {}}).contestants() == 2 * sets);
}

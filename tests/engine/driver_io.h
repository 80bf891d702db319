// The input and output of the drivers, which run the engine and its plain reference for tests
// written in Python (engine_driver.py).
//
// Standard input, little-endian: sixteen u32 (n_layer, n_embd, n_head, block_size, vocab_size,
// total_steps, batch, schedule, moments, recompute, warmup_steps, documents, held-out documents,
// samples, index into available_kernels or kModelsChoice, seed), eight f32 (learning_rate, beta1,
// beta2, epsilon, weight_decay, clip_norm, temperature, init_std), the weights in canonical order
// as f32, unless init_std says that they are drawn from the seed, then every document, every
// held-out one (u32 length, u32 tokens) and block_size f32 uniforms for every sample.
// Standard output: one f32 loss for every step; weights, first moments and second moments, each in
// canonical order, as f32; the f32 loss of every held-out document; for every sample u32 length
// and u32 tokens.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "engine/config.h"

namespace ugpt::driver {

inline constexpr std::uint32_t kModelsChoice = 0xffffffff;

[[noreturn]] inline void fail(const char* what) {
    std::fprintf(stderr, "driver: %s\n", what);
    std::exit(2);
}

template <typename T>
std::vector<T> take(std::size_t count) {
    std::vector<T> values(count);
    if (std::fread(values.data(), sizeof(T), count, stdin) != count) {
        fail("input ends early");
    }
    return values;
}

template <typename T>
void give(std::span<const T> values) {
    std::fwrite(values.data(), sizeof(T), values.size(), stdout);
}

inline void give_loss(float loss) {
    give<float>({&loss, 1});
}

inline std::vector<engine::Token> take_document() {
    const std::uint32_t length = take<std::uint32_t>(1)[0];
    std::vector<engine::Token> tokens;
    for (const std::uint32_t token : take<std::uint32_t>(length)) {
        tokens.push_back(static_cast<engine::Token>(token));
    }
    return tokens;
}

inline void give_sample(std::span<const engine::Token> sample) {
    const auto length = static_cast<std::uint32_t>(sample.size());
    give<std::uint32_t>({&length, 1});
    const std::vector<std::uint32_t> tokens(sample.begin(), sample.end());
    give<std::uint32_t>(tokens);
}

struct Request {
    engine::Shape shape;
    engine::Recipe recipe;
    std::uint32_t documents, held_out, samples;
    std::uint32_t kernels;
    std::uint32_t seed;
    float temperature;
    float init_std;
};

inline Request take_request() {
    const auto head = take<std::uint32_t>(16);
    const auto rates = take<float>(8);
    return {.shape = {head[0], head[1], head[2], head[3], head[4]},
            .recipe = {.learning_rate = rates[0],
                       .beta1 = rates[1],
                       .beta2 = rates[2],
                       .epsilon = rates[3],
                       .total_steps = head[5],
                       .batch = head[6],
                       .schedule = static_cast<engine::Schedule>(head[7]),
                       .moments = static_cast<engine::MomentFormat>(head[8]),
                       .activation_checkpointing = head[9] != 0,
                       .warmup_steps = head[10],
                       .weight_decay = rates[4],
                       .clip_norm = rates[5]},
            .documents = head[11],
            .held_out = head[12],
            .samples = head[13],
            .kernels = head[14],
            .seed = head[15],
            .temperature = rates[6],
            .init_std = rates[7]};
}

}  // namespace ugpt::driver

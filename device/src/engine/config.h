// What a model is made of and how it is trained. Plain values, shared by every layer above.
#pragma once

#include <cstdint>

namespace ugpt::engine {

using Token = std::uint16_t;

// The shape of a transformer. C = n_embd, T = block_size, V = vocab_size in shape comments.
struct Shape {
    std::uint32_t n_layer = 1;
    std::uint32_t n_embd = 16;
    std::uint32_t n_head = 4;
    std::uint32_t block_size = 16;
    std::uint32_t vocab_size = 27;  // BOS is token vocab_size - 1

    bool operator==(const Shape&) const = default;
    // Nothing is zero, and n_embd is divisible by n_head.
    [[nodiscard]] constexpr bool valid() const {
        return n_layer > 0 && n_embd > 0 && n_head > 0 && block_size > 0 && vocab_size > 1 &&
               n_embd % n_head == 0;
    }
    [[nodiscard]] constexpr Token bos() const { return static_cast<Token>(vocab_size - 1); }
    [[nodiscard]] constexpr std::uint32_t head_dim() const { return n_embd / n_head; }
};

// How the learning rate changes after the warm-up, up to Recipe::total_steps.
enum class Schedule : std::uint8_t { linear, cosine, constant };

// How Adam's moments are stored: in four or two bytes a value, or in one with an exponent a block.
enum class MomentFormat : std::uint8_t { f32, bf16, q8 };

// How the weights are trained: Adam with bias correction. The defaults are microgpt's. Disabled
// options cost nothing and do not change the results.
struct Recipe {
    float learning_rate = 0.01f;
    float beta1 = 0.85f;
    float beta2 = 0.99f;
    float epsilon = 1e-8f;
    std::uint32_t total_steps = 1000;  // the learning rate reaches zero there
    std::uint32_t batch = 1;           // documents a step, whose gradients are averaged
    Schedule schedule = Schedule::linear;
    MomentFormat moments = MomentFormat::f32;
    // Layers share the memory of their activations, which the backward pass computes again.
    bool activation_checkpointing = false;
    std::uint32_t warmup_steps = 0;
    float weight_decay = 0.0f;  // AdamW's: decoupled from the gradient, times the learning rate
    float clip_norm = 0.0f;     // largest norm of a gradient; 0: no limit

    bool operator==(const Recipe&) const = default;
    // Whether every document of the run has a number.
    [[nodiscard]] constexpr bool countable() const {
        return batch > 0 && total_steps <= UINT32_MAX / batch;
    }
};

// Whether the gradients of a step are accumulated, in memory of their own, before they are applied.
constexpr bool accumulates_gradients(const Recipe& recipe) {
    return recipe.batch > 1 || recipe.clip_norm > 0.0f;
}

}  // namespace ugpt::engine

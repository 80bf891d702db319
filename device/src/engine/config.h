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
    // Whether the numbers agree with each other (n_embd divisible by n_head, nothing zero).
    [[nodiscard]] constexpr bool valid() const {
        return n_layer > 0 && n_embd > 0 && n_head > 0 && block_size > 0 && vocab_size > 1 &&
               n_embd % n_head == 0;
    }
    [[nodiscard]] constexpr Token bos() const { return static_cast<Token>(vocab_size - 1); }
    [[nodiscard]] constexpr std::uint32_t head_dim() const { return n_embd / n_head; }
};

// Adam with bias correction; the learning rate falls linearly to zero at total_steps.
struct Recipe {
    float learning_rate = 0.01f;
    float beta1 = 0.85f;
    float beta2 = 0.99f;
    float epsilon = 1e-8f;
    std::uint32_t total_steps = 1000;

    bool operator==(const Recipe&) const = default;
};

}  // namespace ugpt::engine

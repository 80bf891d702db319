// Where everything of a model lies: plain pointers, filled in by layout.cpp, read by the kernels.
//
// In shape comments C = n_embd, H = n_head, T = block_size, V = vocab_size, and S is the stride of
// activations, T rounded up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>

#include "engine/config.h"
#include "engine/phase.h"
#include "engine/team.h"
#include "engine/train/adam_step.h"
#include "engine/train/moments.h"

namespace ugpt::engine {

// Activations are stored transposed, [feature][position], so that a vector register holds the same
// feature of neighbouring positions. Their rows are a multiple of this many floats apart on every
// machine: a plan must not depend on the instruction set.
inline constexpr std::size_t kPositionMultiple = 8;
// Floats behind the last row of a buffer whose rows are no multiple of a vector.
inline constexpr std::size_t kVectorSlack = 16;
// Attention takes so many queries at a time. Part of the definition of its sums, so it is the same
// for every instruction set.
inline constexpr std::size_t kQueryBlock = 16;

constexpr std::size_t round_up(std::size_t count, std::size_t multiple) {
    return (count + multiple - 1) / multiple * multiple;
}

// How many rows make a piece of the work with a matrix W: all of them if there is too little for
// two cores. Planned for the shape when a model is created (train/layout.cpp).
struct Division {
    std::uint16_t forward = 0;      // rows of W x
    std::uint16_t backward = 0;     // rows of W^T dy
    std::uint16_t update = 0;       // rows of W
    std::uint16_t lone_update = 0;  // the same for a core that has no help
};

// A weight matrix [rows x cols] with Adam's moments, in the format of Network::moments.
struct Matrix {
    float* weights = nullptr;
    Moments first_moment{};
    Moments second_moment{};
    float* gradient = nullptr;  // [rows x cols]; nullptr if gradients are not accumulated
    std::size_t rows = 0;
    std::size_t cols = 0;
    Division division;

    [[nodiscard]] std::size_t size() const { return rows * cols; }
};

struct Layer {
    Matrix wq, wk, wv, wo;  // [C x C]
    Matrix fc1;             // [4C x C]
    Matrix fc2;             // [C x 4C]
    Matrix wqkv;            // the weights of wq, wk and wv, one below the other [3C x C]

    // The residual stream before the layer [C x S]; only with activation checkpointing.
    float* input = nullptr;

    float* attn_input = nullptr;        // rmsnorm of the residual stream [C x S]
    float* attn_input_scale = nullptr;  // its factor at each position [S]
    float* qkv = nullptr;               // queries, keys and values [3C x S]
    float* attn_probs = nullptr;        // [key][query] for each head [H x T x S]
    float* attn_out = nullptr;          // sums of values, weighted by attn_probs [C x S]
    float* mlp_input = nullptr;         // rmsnorm of the residual stream [C x S]
    float* mlp_input_scale = nullptr;   // its factor at each position [S]
    float* hidden = nullptr;            // relu(fc1 mlp_input) [4C x S]
};

struct Network {
    Shape shape;
    std::size_t stride = 0;   // S
    float inverse_width = 0;  // 1 / C
    float score_scale = 0;    // of attention scores: 1 / sqrt(head_dim)

    MomentFormat moments = MomentFormat::f32;
    bool activation_checkpointing = false;  // the layers share their activations

    Matrix wte;      // [V x C]
    Matrix wpe;      // [T x C]
    Matrix lm_head;  // [V x C]
    std::span<Layer> layers;
    PhaseObserver* observer = nullptr;
    Team* team = nullptr;
    std::uint32_t cores = 1;  // for so many there is memory of their own

    float* embedded = nullptr;        // rmsnorm of the embeddings [C x S]
    float* embedded_scale = nullptr;  // its factor at each position [S]
    float* residual = nullptr;        // the residual stream [C x S]
    float* logits = nullptr;          // replaced by their gradient [V x S]
    float* logit_max = nullptr;       // the largest logit of each position [S]
    float* exp_sum = nullptr;         // the sum of exp(logit - logit_max) [S]
    float* target_logits = nullptr;   // the logit of each position's target, then its loss [S]

    float* residual_grad = nullptr;     // [C x S]
    float* input_grad = nullptr;        // of the output of a rmsnorm [C x S]
    float* score_grad = nullptr;        // of a head [T x S], or of one for each core
    float* transpose_buffer = nullptr;  // a matrix transposed, or the gradient of one [S x 4C]
    float* weight_grad = nullptr;  // a few rows of a matrix for each core, before it applies them
    std::size_t weight_grad_size = 0;  // of one core
};

// How many rows of a matrix with `cols` columns a core updates at a time: about 512 weights, at
// least as many rows as a tile of a product has.
constexpr std::size_t rows_at_once(MomentFormat moments, std::size_t cols) {
    constexpr std::size_t kWeights = 512;
    constexpr std::size_t kLeastRows = 4;
    const std::size_t together = values_together(moments);
    const std::size_t unit = together / std::gcd(together, cols);
    const std::size_t rows = std::max(kWeights / cols, kLeastRows);
    return std::max(rows / unit, std::size_t{1}) * unit;
}

// The sum of the squares of gradients, in sixteen chains: element i of a matrix is in chain i
// mod 16.
struct SquareSums {
    static constexpr std::size_t kChains = 16;
    float chains[kChains] = {};
};

// What to do with the gradients of a document.
struct Update {
    const AdamStep* adam = nullptr;  // apply them; nullptr: accumulate them
    bool first = true;               // the first document whose gradients are accumulated
    SquareSums* squares = nullptr;   // add their squares to these sums; nullptr: do not
};

// A text between two BOS, cut to the positions that are trained.
struct Document {
    std::span<const Token> text;
    Token bos = 0;
    std::size_t positions = 0;

    [[nodiscard]] Token input(std::size_t t) const { return t == 0 ? bos : text[t - 1]; }
    [[nodiscard]] Token target(std::size_t t) const { return t < text.size() ? text[t] : bos; }
};

// Static: see fma.h.
[[maybe_unused, gnu::always_inline]] static inline void enter(const Network& net, Phase phase) {
    if (net.observer != nullptr) {
        net.observer->enter(phase);
    }
}

// In a piece of work: what helpers do at the same time is not told.
[[maybe_unused, gnu::always_inline]] static inline void enter(const Network& net, Phase phase,
                                                              std::size_t core) {
    if (core == 0) {
        enter(net, phase);
    }
}

}  // namespace ugpt::engine

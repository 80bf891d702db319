// Where everything of a model lies: plain pointers, filled in by layout.cpp, read by the kernels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>

#include "engine/config.h"
#include "engine/phase.h"
#include "engine/train/adam_step.h"
#include "engine/train/moments.h"

namespace ugpt::engine {

// Activations are kept transposed, [feature][position], so that a vector register holds the same
// feature of neighbouring positions. Rows of them are a multiple of this many floats apart, on
// every machine alike: a plan must not depend on the instruction set.
inline constexpr std::size_t kPositionMultiple = 8;
// Floats behind the last row of a buffer whose rows are no multiple of a vector.
inline constexpr std::size_t kVectorSlack = 16;

constexpr std::size_t round_up(std::size_t count, std::size_t multiple) {
    return (count + multiple - 1) / multiple * multiple;
}

// A weight matrix [rows x cols] with Adam's moments, in the format of Network::moments.
struct Matrix {
    float* weights = nullptr;
    Moments first_moment{};
    Moments second_moment{};
    float* gradient = nullptr;  // [rows x cols]; nullptr where gradients are used as they are born
    std::size_t rows = 0;
    std::size_t cols = 0;

    [[nodiscard]] std::size_t size() const { return rows * cols; }
};

// C = n_embd, H = n_head, T = block_size, S = stride of a feature's positions.
struct Layer {
    Matrix wq, wk, wv, wo;  // [C x C]
    Matrix fc1;             // [4C x C]
    Matrix fc2;             // [C x 4C]
    Matrix qkv;             // weights of wq, wk and wv, one below the other: [3C x C]

    float* input = nullptr;            // the stream, where activations are recomputed [C x S]

    float* attention_input = nullptr;  // rmsnorm of the stream [C x S]
    float* attention_scale = nullptr;  // by which it was multiplied [S]
    float* heads = nullptr;            // queries, keys and values [3C x S]
    float* attention = nullptr;        // probabilities, [key][query] for each head [H x T x S]
    float* mixed = nullptr;            // values summed by attention [C x S]
    float* mlp_input = nullptr;        // rmsnorm of the stream [C x S]
    float* mlp_scale = nullptr;        // [S]
    float* hidden = nullptr;           // relu(fc1 mlp_input) [4C x S]
};

struct Network {
    Shape shape;
    std::size_t stride = 0;     // S
    float inverse_width = 0;    // 1 / C
    float attention_scale = 0;  // 1 / sqrt(head_dim)

    MomentFormat moments = MomentFormat::f32;
    bool recompute = false;  // the layers share their activations, and compute them twice

    Matrix wte;      // [V x C]
    Matrix wpe;      // [T x C]
    Matrix lm_head;  // [V x C]
    std::span<Layer> layers;
    PhaseObserver* observer = nullptr;  // nullptr: nobody wants to know

    float* embedded = nullptr;        // rmsnorm of the embeddings [C x S]
    float* embedded_scale = nullptr;  // [S]
    float* stream = nullptr;          // the residual stream [C x S]
    float* logits = nullptr;          // and then their gradient [V x S]
    float* maxima = nullptr;          // of each position's logits [S]
    float* sums = nullptr;            // of their exponentials [S]
    float* losses = nullptr;          // logits of the targets [S]

    float* stream_gradient = nullptr;  // [C x S]
    float* input_gradient = nullptr;   // of a rmsnorm's output, in place of the stream [C x S]
    float* score_gradient = nullptr;   // of one head, in place of weight_gradient [T x S]
    float* columns = nullptr;          // a matrix turned round, or a gradient [S x 4C]
    float* weight_gradient = nullptr;  // a few rows of a matrix, before they are consumed
};

// How many rows of a matrix with `cols` columns are updated at a time: about a thousand weights, but
// as many rows as products are computed for together, and none that shares a word or an exponent with
// one of another time.
constexpr std::size_t rows_at_once(MomentFormat moments, std::size_t cols) {
    constexpr std::size_t kWeights = 1024;
    constexpr std::size_t kLeastRows = 8;
    const std::size_t together = values_together(moments);
    const std::size_t unit = together / std::gcd(together, cols);
    const std::size_t rows = std::max(kWeights / cols, kLeastRows);
    return std::max(rows / unit, std::size_t{1}) * unit;
}

// What becomes of gradients.
struct Update {
    const AdamStep* adam = nullptr;  // one step with them; nullptr: they are added up
    bool first = true;               // of those that are added up
};

// A text between two BOS, cut to the n positions that are trained.
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

}  // namespace ugpt::engine

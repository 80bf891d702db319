// Inference: pretrained models of the Llama type. Other rooms include it as engine.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/arena.h"
#include "engine/config.h"
#include "engine/phase.h"
#include "engine/placement.h"
#include "engine/team.h"
#include "engine/token_cost.h"
#include "engine/tokenizer.h"

namespace ugpt::engine::infer {

struct Kernels;  // the forward pass compiled for one instruction set
struct State;    // what a model consists of

// The shape of a model of the Llama type: RMSNorm with gains, rotary position embeddings, grouped
// key-value heads, SwiGLU.
struct Shape {
    std::uint32_t n_layer = 0;
    std::uint32_t n_embd = 0;
    std::uint32_t n_head = 0;
    std::uint32_t n_kv_head = 0;
    std::uint32_t n_hidden = 0;  // width of the MLP
    std::uint32_t vocab_size = 0;
    std::uint32_t context = 0;     // positions that the model was trained for
    bool tied_classifier = false;  // the logits are products with the embedding

    bool operator==(const Shape&) const = default;
    // Nothing is zero or so large that a product of two would not fit into 32 bits, heads divide
    // what they share, and a head can be rotated in pairs.
    [[nodiscard]] bool valid() const;
    [[nodiscard]] std::uint32_t head_dim() const { return n_embd / n_head; }
    [[nodiscard]] std::uint32_t kv_dim() const { return head_dim() * n_kv_head; }
    [[nodiscard]] std::uint32_t tensor_count() const;
};

// How the values of a tensor are stored; docs/model-image.md has the layouts.
enum class Format : std::uint8_t {
    vector,  // float32, one after the other: the gains of a norm
    f32,     // float32, in blocks of eight rows
    q8       // eight bits a weight, and a float32 scale for a row and at most 256 columns
};

// A tensor where it lies: in memory, or in flash that is mapped. Nothing of it is copied.
struct Tensor {
    Format format = Format::vector;
    bool words_only = false;  // the memory can be read by whole words only, and not into the FPU
    std::uint32_t rows = 0;
    std::uint32_t cols = 0;
    const std::byte* data = nullptr;  // at a multiple of 16 bytes

    [[nodiscard]] std::uint64_t size_bytes() const;
};
inline constexpr std::size_t kTensorAlignment = 16;

// The tensors of a layer, in this order. The whole order is: embedding, every layer, final_norm,
// and classifier unless it is tied.
enum class LayerTensor : std::uint8_t {
    attention_norm,
    wq,
    wk,
    wv,
    wo,
    mlp_norm,
    w1,  // the gate of the MLP
    w2,  // back to the residual stream
    w3   // what is gated
};
inline constexpr std::uint32_t kLayerTensors = 9;
constexpr std::uint32_t layer_tensor(std::uint32_t layer, LayerTensor which) {
    return 1 + layer * kLayerTensors + static_cast<std::uint32_t>(which);
}
constexpr std::uint32_t final_norm_tensor(const Shape& shape) {
    return 1 + shape.n_layer * kLayerTensors;
}
// The embedding itself if the classifier is tied.
constexpr std::uint32_t classifier_tensor(const Shape& shape) {
    return shape.tied_classifier ? 0 : final_norm_tensor(shape) + 1;
}

// What a tensor must be. A norm has one row.
struct TensorSpec {
    std::uint32_t rows = 0;
    std::uint32_t cols = 0;
    bool is_norm = false;

    // The size in a format that suits the tensor.
    [[nodiscard]] std::uint64_t size_bytes(Format format) const;
};
[[nodiscard]] TensorSpec spec_of(const Shape& shape, std::uint32_t index);

// A model as it was read from an image. What the spans show outlives the model.
struct Weights {
    Shape shape;
    float norm_epsilon = 1e-5f;
    // For each pair of a head, how far one position turns it: in units of 2^-64 of a full turn.
    std::span<const std::uint64_t> rope_steps;  // [head_dim / 2]
    std::span<const Tensor> tensors;            // [shape.tensor_count()]
};

// What inference needs beside the weights, in bytes with alignment.
struct Plan {
    std::uint64_t cache_bytes = 0;        // keys and values
    std::uint64_t activations_bytes = 0;  // everything else
    std::uint64_t missing_bytes = 0;      // 0 if it fits

    [[nodiscard]] bool fits() const { return missing_bytes == 0; }
    [[nodiscard]] std::uint64_t total_bytes() const { return cache_bytes + activations_bytes; }
};

// How a token is picked. A temperature of 0 takes the first of the largest logits.
struct Choice {
    float temperature = 0.0f;  // these three: `Sampling` of engine/sampling/sampler.h
    std::uint32_t top_k = 0;
    float top_p = 1.0f;
    float uniform = 0.0f;  // the random number, in [0, 1)
};

// The random number for one token of the text of a seed, counted from 0 behind the prompt.
[[nodiscard]] float uniform_of(std::uint64_t seed, std::uint32_t drawn);

// A handle to a model in the arena that it was created in.
class LanguageModel {
  public:
    // A measuring arena will do; it is left as by `create`, so that what it has left shows.
    static Plan plan(const Shape& shape, std::uint32_t context, Arena& arena);

    // Makes a model for texts of at most `context` positions. False if shape, context or tensors
    // are not valid, or if it does not fit: then it is empty, and what was taken stays taken until
    // the arena is cleared. The team, if any, outlives the model.
    bool create(const Weights& weights, std::uint32_t context, Arena& arena, Team* team = nullptr);
    [[nodiscard]] bool empty() const { return state_ == nullptr; }
    // Makes the handle empty; the arena stays as it is.
    void forget() { state_ = nullptr; }

    [[nodiscard]] const Shape& shape() const;
    [[nodiscard]] std::uint32_t context() const;

    // The logits of what follows `token`, below vocab_size, at `position`, below the context, whose
    // predecessors have been computed: positions of a text ascend one by one from 0. Valid until
    // the next call. [vocab_size]
    std::span<const float> forward(Token token, std::uint32_t position);

    // Picks a token by the logits. Empty if one of them is not finite. They are gone afterwards.
    [[nodiscard]] std::optional<Token> pick(const Choice& choice);

    // The instruction set in use; another one of `available_kernels` can be chosen. All give the
    // same bits.
    [[nodiscard]] const Kernels& kernels() const;
    void use_kernels(const Kernels& kernels);

    // Tells `observer` of every phase until the next `create`; nullptr for none.
    void observe(PhaseObserver* observer);

  private:
    State* state_ = nullptr;
    Team alone_;  // for a model that is given no team
};

}  // namespace ugpt::engine::infer

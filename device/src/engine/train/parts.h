// The parts of a model, each stated once: name, size, lifetime, and where its pointer is. The
// layout, the plan, the names of tensors and their canonical order follow from these tables.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "engine/config.h"
#include "engine/train/moments.h"
#include "engine/train/network.h"

namespace ugpt::engine {

// How long the content of a part is needed.
enum class Lifetime : std::uint8_t {
    model,     // weights and moments
    step,      // accumulated gradients
    document,  // activations: from the forward pass to the backward pass, or while a text is drawn
    backward,  // workspace of the backward pass
};

// The letters of shape comments, in 64 bits: no product of them overflows.
struct Sizes {
    std::uint64_t C;  // n_embd
    std::uint64_t H;  // n_head
    std::uint64_t T;  // block_size
    std::uint64_t V;  // vocab_size
    std::uint64_t S;  // stride of a feature's positions
    std::uint64_t cores;
    MomentFormat moments;

    // Floats for the rows of a weight gradient [cols] that are updated together.
    [[nodiscard]] constexpr std::uint64_t gradient_rows(std::uint64_t cols) const {
        return cols * rows_at_once(moments, static_cast<std::size_t>(cols));
    }
    // The same of any matrix, for each core.
    [[nodiscard]] constexpr std::uint64_t weight_grad() const {
        return std::max(gradient_rows(C), gradient_rows(4 * C)) + kVectorSlack;
    }
};

// A weight matrix [rows x cols] of the model or of a layer. It has a float32 and two moments in the
// recipe's format for each weight, and one float32 more if the recipe accumulates gradients.
template <class Owner>
struct MatrixPart {
    std::string_view name;
    Matrix Owner::* place;
    std::uint64_t (*rows)(const Sizes&);
    std::uint64_t (*cols)(const Sizes&);
    // The weights of this many matrices, from this one on, lie one below the other. 0: this matrix
    // belongs to the stack of an earlier one.
    std::size_t stack = 1;
};

// A float32 buffer of the model or of a layer. If `shares` is set, it lies in the memory of that
// buffer, which is not needed at the same time.
template <class Owner>
struct BufferPart {
    std::string_view name;
    float* Owner::* place;
    std::uint64_t (*count)(const Sizes&);
    Lifetime lifetime = Lifetime::document;
    float* Owner::* shares = nullptr;
};

// The tables and functions belong to each file that includes them: see fma.h.
namespace {

namespace sizes {
constexpr std::uint64_t C(const Sizes& n) {
    return n.C;
}
constexpr std::uint64_t C4(const Sizes& n) {
    return 4 * n.C;
}
constexpr std::uint64_t T(const Sizes& n) {
    return n.T;
}
constexpr std::uint64_t V(const Sizes& n) {
    return n.V;
}
constexpr std::uint64_t S(const Sizes& n) {
    return n.S;
}
constexpr std::uint64_t CS(const Sizes& n) {
    return n.C * n.S;
}
}  // namespace sizes

// Parameter matrices in canonical order: those of the model, then those of each layer.
constexpr std::array<MatrixPart<Network>, 3> kModelMatrices{{
    {"wte", &Network::wte, sizes::V, sizes::C},
    {"wpe", &Network::wpe, sizes::T, sizes::C},
    {"lm_head", &Network::lm_head, sizes::V, sizes::C},
}};
constexpr std::array<MatrixPart<Layer>, 6> kLayerMatrices{{
    {"attn_wq", &Layer::wq, sizes::C, sizes::C, 3},
    {"attn_wk", &Layer::wk, sizes::C, sizes::C, 0},
    {"attn_wv", &Layer::wv, sizes::C, sizes::C, 0},
    {"attn_wo", &Layer::wo, sizes::C, sizes::C},
    {"mlp_fc1", &Layer::fc1, sizes::C4, sizes::C},
    {"mlp_fc2", &Layer::fc2, sizes::C, sizes::C4},
}};

// The order in memory: the larger matrices come first, so that the smaller ones fill what is left
// of a block.
constexpr std::array<std::size_t, 3> kModelMatrixOrder{0, 2, 1};
constexpr std::array<std::size_t, 6> kLayerMatrixOrder{4, 5, 0, 1, 2, 3};

// The activations of a layer. With activation checkpointing all layers share them.
constexpr std::array<BufferPart<Layer>, 8> kLayerActivations{{
    {"hidden", &Layer::hidden, [](const Sizes& n) { return 4 * n.C * n.S; }},
    {"attn_probs", &Layer::attn_probs, [](const Sizes& n) { return n.H * n.T * n.S; }},
    {"qkv", &Layer::qkv, [](const Sizes& n) { return 3 * n.C * n.S; }},
    {"attn_input", &Layer::attn_input, sizes::CS},
    {"attn_out", &Layer::attn_out, sizes::CS},
    {"mlp_input", &Layer::mlp_input, sizes::CS},
    {"attn_input_scale", &Layer::attn_input_scale, sizes::S},
    {"mlp_input_scale", &Layer::mlp_input_scale, sizes::S},
}};
// What each layer has of its own with activation checkpointing.
constexpr std::array<BufferPart<Layer>, 1> kLayerInput{{{"input", &Layer::input, sizes::CS}}};

constexpr std::array<BufferPart<Network>, 12> kModelBuffers{{
    {"logits", &Network::logits, [](const Sizes& n) { return n.V * n.S; }},
    {"residual", &Network::residual, sizes::CS},
    {"embedded", &Network::embedded, sizes::CS},
    {"embedded_scale", &Network::embedded_scale, sizes::S},
    {"logit_max", &Network::logit_max, sizes::S},
    {"exp_sum", &Network::exp_sum, sizes::S},
    {"target_logits", &Network::target_logits, sizes::S},
    {"transpose_buffer", &Network::transpose_buffer,
     [](const Sizes& n) {
         return n.S * std::max({4 * n.C, n.T, kQueryBlock * n.cores}) + kVectorSlack;
     },
     Lifetime::backward},
    {"weight_grad", &Network::weight_grad, [](const Sizes& n) { return n.cores * n.weight_grad(); },
     Lifetime::backward},
    {"residual_grad", &Network::residual_grad, sizes::CS, Lifetime::backward},
    // The residual stream is not needed after the backward pass of lm_head.
    {"input_grad", &Network::input_grad, sizes::CS, Lifetime::backward, &Network::residual},
    // No rows of a weight gradient are held during the backward pass of attention.
    {"score_grad", &Network::score_grad,
     [](const Sizes& n) { return std::max(n.T, kQueryBlock * n.cores) * n.S; }, Lifetime::backward,
     &Network::weight_grad},
}};

[[maybe_unused]] Sizes sizes_of(const Network& net) {
    return {.C = net.shape.n_embd,
            .H = net.shape.n_head,
            .T = net.shape.block_size,
            .V = net.shape.vocab_size,
            .S = net.stride,
            .cores = net.cores,
            .moments = net.moments};
}

// f(matrix) for every parameter matrix in canonical order.
template <typename Function>
void for_each_matrix(const Network& net, Function f) {
    for (const MatrixPart<Network>& part : kModelMatrices) {
        f(net.*part.place);
    }
    for (const Layer& layer : net.layers) {
        for (const MatrixPart<Layer>& part : kLayerMatrices) {
            f(layer.*part.place);
        }
    }
}

}  // namespace
}  // namespace ugpt::engine

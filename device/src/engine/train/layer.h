// A transformer layer: attention and MLP, each behind a rmsnorm and added to the residual stream.
#pragma once

#include "engine/train/attention.h"
#include "engine/train/linear.h"
#include "engine/train/norm.h"

namespace ugpt::engine {
namespace {

// The norm that a layer begins with, at `count` positions from `first` on.
template <class Lanes>
void attention_norm(const Network& net, const Layer& layer, std::size_t first, std::size_t count) {
    rmsnorm_forward<Lanes>(net, net.residual, layer.attn_input, layer.attn_input_scale, first,
                           count);
}

// All of a layer between its first norm (layer.attn_input) and its last product (fc2), at `count`
// positions from `first` on. Adds to net.residual [C x S], and writes the activations of the layer.
template <class Lanes>
void layer_forward(const Network& net, const Layer& layer, std::size_t first, std::size_t count) {
    enter(net, Phase::attention);
    linear_forward<Lanes>(net, layer.wqkv, layer.attn_input, layer.qkv, first, count);
    attention_forward<Lanes>(net, layer, first, count);
    linear_forward<Lanes, Into::sum>(net, layer.wo, layer.attn_out, net.residual, first, count);

    enter(net, Phase::mlp);
    share(net,
          by_positions<Lanes>(net, count, [&](std::size_t t, std::size_t positions, std::size_t) {
              rmsnorm_forward<Lanes>(net, net.residual, layer.mlp_input, layer.mlp_input_scale,
                                     first + t, positions);
          }));
    linear_forward<Lanes, Into::relu>(net, layer.fc1, layer.mlp_input, layer.hidden, first, count);
}

// The MLP's part of layer_backward.
template <class Lanes>
void mlp_backward(const Network& net, const Update& update, const Layer& layer, std::size_t count) {
    float* residual_grad = net.residual_grad;
    float* input_grad = net.input_grad;
    enter(net, Phase::mlp);
    // Vectors need `hidden` transposed, and its gradient then replaces it. Without them, `hidden`
    // is needed as it is, and the transpose buffer is free for its gradient.
    constexpr bool kInPlace = Lanes::Single::kWidth > 1;
    float* hidden_grad = kInPlace ? layer.hidden : net.transpose_buffer;
    if constexpr (kInPlace) {
        transpose_into_buffer<Lanes>(net, layer.hidden, layer.fc1.rows, count);
    }
    linear_backward<Lanes, Into::relu_gradient>(net, layer.fc2, residual_grad, hidden_grad, count,
                                                layer.hidden);
    linear_update<Lanes>(net, update, Phase::mlp, {&layer.fc2}, residual_grad,
                         kInPlace ? nullptr : layer.hidden, count);
    linear_backward<Lanes>(net, layer.fc1, hidden_grad, input_grad, count);
    linear_update<Lanes>(
        net, update, Phase::mlp, {&layer.fc1}, hidden_grad, layer.mlp_input, count,
        by_positions<Lanes>(net, count, [&](std::size_t first, std::size_t positions, std::size_t) {
            rmsnorm_backward<Lanes, true>(net, layer.mlp_input, layer.mlp_input_scale, input_grad,
                                          residual_grad, first, positions);
        }));
}

// Turns net.residual_grad [C x S] behind a layer into the one before it and applies the gradients
// of the layer's weights; the first layer goes on to the one before the norm of the embeddings. The
// gradients of `qkv` and `attn_out` replace `hidden`.
template <class Lanes>
void layer_backward(const Network& net, const Update& update, const Layer& layer,
                    std::size_t count) {
    const std::size_t rows = net.shape.n_embd * net.stride;
    float* residual_grad = net.residual_grad;
    float* input_grad = net.input_grad;
    mlp_backward<Lanes>(net, update, layer, count);

    enter(net, Phase::attention);
    float* qkv_grad = layer.hidden;
    float* attn_out_grad = layer.hidden + 3 * rows;
    linear_backward<Lanes>(net, layer.wo, residual_grad, attn_out_grad, count);
    linear_update<Lanes>(net, update, Phase::attention, {&layer.wo}, residual_grad, layer.attn_out,
                         count);
    attention_backward<Lanes>(net, layer, attn_out_grad, qkv_grad, count);
    linear_backward<Lanes>(net, layer.wqkv, qkv_grad, input_grad, count);
    linear_update<Lanes>(
        net, update, Phase::attention, {&layer.wq, &layer.wk, &layer.wv}, qkv_grad,
        layer.attn_input, count,
        by_positions<Lanes>(
            net, count, [&](std::size_t first, std::size_t positions, std::size_t core) {
                rmsnorm_backward<Lanes, true>(net, layer.attn_input, layer.attn_input_scale,
                                              input_grad, residual_grad, first, positions);
                if (&layer == net.layers.data()) {
                    enter(net, Phase::embedding, core);
                    rmsnorm_backward<Lanes, false>(net, net.embedded, net.embedded_scale,
                                                   residual_grad, residual_grad, first, positions);
                    enter(net, Phase::attention, core);
                }
            }));
}

}  // namespace
}  // namespace ugpt::engine

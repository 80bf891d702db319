// The whole model: forward over all positions at once, backward with the update of each weight as
// soon as its gradient is complete, and the forward pass of one position for sampling.
#pragma once

#include "engine/train/embedding.h"
#include "engine/train/features.h"
#include "engine/train/layer.h"
#include "engine/train/linear.h"
#include "engine/train/loss.h"
#include "engine/train/norm.h"

namespace ugpt::engine {
namespace {

// Copies `count` positions from `first` on. from, to [C x S]
template <class AnyLanes>
void copy_features(const Network& net, const float* from, float* to, std::size_t first,
                   std::size_t count) {
    using Lanes = typename AnyLanes::Single;
    with_stride<Lanes>(net, [&](auto stride) {
        for (std::size_t t = first; t < first + count; t += Lanes::kWidth) {
            for_features(net, stride, t, [&](std::size_t i) UGPT_INLINED {
                Lanes::store(to + i, Lanes::load(from + i));
            });
        }
    });
}

// From net.embedded [C x S] to net.logits [V x S], at `count` positions from `first` on. Before it
// reads them, `embed` is called for each of these positions: embed(first, count).
template <class Lanes, class Embed>
void layers_forward(const Network& net, std::size_t first, std::size_t count, const Embed& embed) {
    for (const Layer& layer : net.layers) {
        share(net, by_positions<Lanes>(
                       net, count, [&](std::size_t begin, std::size_t positions, std::size_t core) {
                           const std::size_t t = first + begin;
                           if (&layer == net.layers.data()) {
                               enter(net, Phase::embedding, core);
                               embed(t, positions);
                               copy_features<Lanes>(net, net.embedded, net.residual, t, positions);
                           }
                           if (net.activation_checkpointing) {
                               copy_features<Lanes>(net, net.residual, layer.input, t, positions);
                           }
                           enter(net, Phase::attention, core);
                           attention_norm<Lanes>(net, layer, t, positions);
                       }));
        layer_forward<Lanes>(net, layer, first, count);
        linear_forward_sparse<Lanes>(net, layer.fc2, layer.hidden, net.residual, first, count);
    }
    enter(net, Phase::loss);
    linear_forward<Lanes>(net, net.lm_head, net.residual, net.logits, first, count);
}

// Returns the mean loss of a document and leaves the gradient of the logits in net.logits [V x S].
template <class Lanes>
float forward(const Network& net, const Document& document) {
    const auto embed = [&](std::size_t first, std::size_t count) {
        for (std::size_t t = first; t < first + count; ++t) {
            embedding_forward(net, document.input(t), t, net.embedded);
        }
        rmsnorm_forward<Lanes>(net, net.embedded, net.embedded, net.embedded_scale, first, count);
    };
    layers_forward<Lanes>(net, 0, document.positions, embed);
    return cross_entropy<Lanes>(net, document);
}

// Leaves the logits of the token that follows `token` at position t in column t of net.logits [V x
// S]. The positions before t must have been decoded. Those in the same vector are computed again,
// which changes nothing. With activation checkpointing all are: layers share their memory, so keys
// and values are gone.
template <class AnyLanes>
void decode(const Network& net, Token token, std::size_t t) {
    using Lanes = typename AnyLanes::Single;
    enter(net, Phase::embedding);
    embedding_forward(net, token, t, net.embedded);
    rmsnorm_forward<ScalarLanes>(net, net.embedded, net.embedded, net.embedded_scale, t, 1);
    const std::size_t first = net.activation_checkpointing ? 0 : t - t % Lanes::kWidth;
    layers_forward<Lanes>(net, first, t + 1 - first, [](std::size_t, std::size_t) {});
}

// Computes all gradients from that of the logits, and applies each when the old weights are not
// needed any more.
template <class Lanes>
void backward(const Network& net, const Update& update, const Document& document) {
    const std::size_t count = document.positions;
    enter(net, Phase::loss);
    linear_backward<Lanes>(net, net.lm_head, net.logits, net.residual_grad, count);
    linear_update<Lanes>(net, update, Phase::loss, {&net.lm_head}, net.logits, net.residual, count);
    for (std::size_t i = net.layers.size(); i-- > 0;) {
        const Layer& layer = net.layers[i];
        if (net.activation_checkpointing && i + 1 < net.layers.size()) {
            share(net, by_positions<Lanes>(
                           net, count, [&](std::size_t t, std::size_t positions, std::size_t) {
                               copy_features<Lanes>(net, layer.input, net.residual, t, positions);
                               attention_norm<Lanes>(net, layer, t, positions);
                           }));
            layer_forward<Lanes>(net, layer, 0, count);
        }
        layer_backward<Lanes>(net, update, layer, count);
    }
    enter(net, Phase::embedding);
    embedding_backward<Lanes>(net, update, document);
}

}  // namespace
}  // namespace ugpt::engine

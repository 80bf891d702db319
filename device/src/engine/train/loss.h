// Softmax cross-entropy over the vocabulary.
#pragma once

#include "engine/numeric/math.h"
#include "engine/train/network.h"
#include "engine/train/share.h"

namespace ugpt::engine {
namespace {

// The loss of `count` positions from `first` on in net.target_logits [S], and in net.logits [V x S]
// the gradient of the mean over all positions, of which `inverse_count` is the inverse number.
template <class AnyLanes>
void cross_entropy_of(const Network& net, const Document& document, float inverse_count,
                      std::size_t first, std::size_t count) {
    using Lanes = typename AnyLanes::Single;
    const std::size_t stride = net.stride;
    const std::size_t vocabulary = net.shape.vocab_size;
    const std::size_t end = first + count;

    for (std::size_t t = first; t < end; ++t) {
        net.target_logits[t] = net.logits[document.target(t) * stride + t];
    }
    const Exponential<Lanes> exponential;
    for (std::size_t t = first; t < end; t += Lanes::kWidth) {
        float* column = net.logits + t;
        auto maximum = Lanes::load(column);
        for (std::size_t v = 1; v < vocabulary; ++v) {
            maximum = Lanes::max(Lanes::load(column + v * stride), maximum);
        }
        auto sum = Lanes::all(0.0f);
        for (std::size_t v = 0; v < vocabulary; ++v) {
            const auto power = exponential(Lanes::sub(Lanes::load(column + v * stride), maximum));
            sum = Lanes::add(sum, power);
            Lanes::store(column + v * stride, power);
        }
        const auto normaliser = Lanes::mul(reciprocal<Lanes>(sum), Lanes::all(inverse_count));
        for (std::size_t v = 0; v < vocabulary; ++v) {
            Lanes::store(column + v * stride,
                         Lanes::mul(Lanes::load(column + v * stride), normaliser));
        }
        Lanes::store(net.logit_max + t, maximum);
        Lanes::store(net.exp_sum + t, sum);
    }
    for (std::size_t t = first; t < end; ++t) {
        const float distance = net.target_logits[t] - net.logit_max[t];
        net.target_logits[t] = logarithm<ScalarLanes>(net.exp_sum[t]) - distance;
        float& gradient = net.logits[document.target(t) * stride + t];
        gradient = gradient - inverse_count;
    }
}

// Returns the mean loss of the positions, leaves the loss of each in net.target_logits [S], and
// replaces net.logits [V x S] by their gradient.
template <class Lanes>
float cross_entropy(const Network& net, const Document& document) {
    const float inverse_count = reciprocal<ScalarLanes>(static_cast<float>(document.positions));
    share(net, by_positions<typename Lanes::Single>(
                   net, document.positions, [&](std::size_t first, std::size_t count, std::size_t) {
                       cross_entropy_of<Lanes>(net, document, inverse_count, first, count);
                   }));
    float total = 0.0f;
    for (std::size_t t = 0; t < document.positions; ++t) {
        total = total + net.target_logits[t];
    }
    return total * inverse_count;
}

}  // namespace
}  // namespace ugpt::engine

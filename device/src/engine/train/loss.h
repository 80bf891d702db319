// Softmax cross-entropy over the vocabulary.
#pragma once

#include "engine/numeric/math.h"
#include "engine/train/network.h"

namespace ugpt::engine {
namespace {

// Returns the mean loss of the positions, leaves the loss of each in net.target_logits [S], and
// replaces net.logits [V x S] by their gradient.
template <class AnyLanes>
float cross_entropy(const Network& net, const Document& document) {
    using Lanes = typename AnyLanes::Single;
    const std::size_t stride = net.stride;
    const std::size_t vocabulary = net.shape.vocab_size;
    const std::size_t count = document.positions;
    const float inverse_count = reciprocal<ScalarLanes>(static_cast<float>(count));

    for (std::size_t t = 0; t < count; ++t) {
        net.target_logits[t] = net.logits[document.target(t) * stride + t];
    }
    const Exponential<Lanes> exponential;
    for (std::size_t t = 0; t < count; t += Lanes::kWidth) {
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
    float total = 0.0f;
    for (std::size_t t = 0; t < count; ++t) {
        const float distance = net.target_logits[t] - net.logit_max[t];
        const float loss = logarithm<ScalarLanes>(net.exp_sum[t]) - distance;
        net.target_logits[t] = loss;
        total = total + loss;
        float& gradient = net.logits[document.target(t) * stride + t];
        gradient = gradient - inverse_count;
    }
    return total * inverse_count;
}

}  // namespace
}  // namespace ugpt::engine

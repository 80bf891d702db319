// Root-mean-square normalisation over the features of each position.
#pragma once

#include "engine/numeric/math.h"
#include "engine/train/network.h"

namespace ugpt::engine {
namespace {

// y = x * scale with scale = (mean(x^2) + 1e-5)^-1/2, at `count` positions from `first` on.
// x, y [C x S], scale [S]. y may be x.
template <class Lanes>
void rmsnorm_forward(const Network& net, const float* x, float* y, float* scale, std::size_t first,
                     std::size_t count) {
    for (std::size_t t = first; t < first + count; t += Lanes::kWidth) {
        auto value = Lanes::load(x + t);
        auto squares = Lanes::mul(value, value);
        std::size_t i = t;
        for (std::size_t left = net.shape.n_embd - 1; left > 0; --left) {
            i += net.stride;
            value = Lanes::load(x + i);
            squares = Lanes::fma(value, value, squares);
        }
        const auto mean = Lanes::fma(squares, Lanes::all(net.inverse_width), Lanes::all(1e-5f));
        const auto factor = inverse_root<Lanes>(mean);
        Lanes::store(scale + t, factor);
        i = t;
        for (std::size_t left = net.shape.n_embd; left > 0; --left) {
            Lanes::store(y + i, Lanes::mul(Lanes::load(x + i), factor));
            i += net.stride;
        }
    }
}

// dx = scale (dy - y mean(y dy)), or dx plus that, at `count` positions from `first` on. y is the
// output of the forward pass. y, dy, dx [C x S], scale [S]. dx may be dy.
template <class Lanes, bool kAccumulate>
void rmsnorm_backward(const Network& net, const float* y, const float* scale, const float* dy,
                      float* dx, std::size_t first, std::size_t count) {
    for (std::size_t t = first; t < first + count; t += Lanes::kWidth) {
        auto dot = Lanes::mul(Lanes::load(y + t), Lanes::load(dy + t));
        std::size_t i = t;
        for (std::size_t left = net.shape.n_embd - 1; left > 0; --left) {
            i += net.stride;
            dot = Lanes::fma(Lanes::load(y + i), Lanes::load(dy + i), dot);
        }
        const auto mean = Lanes::mul(dot, Lanes::all(net.inverse_width));
        const auto factor = Lanes::load(scale + t);
        i = t;
        for (std::size_t left = net.shape.n_embd; left > 0; --left) {
            const auto centred = Lanes::negative_fma(Lanes::load(y + i), mean, Lanes::load(dy + i));
            Lanes::store(dx + i, kAccumulate ? Lanes::fma(centred, factor, Lanes::load(dx + i))
                                             : Lanes::mul(centred, factor));
            i += net.stride;
        }
    }
}

}  // namespace
}  // namespace ugpt::engine

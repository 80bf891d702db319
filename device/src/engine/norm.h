// Root-mean-square normalisation over the features of each position.
#pragma once

#include "engine/math.h"
#include "engine/network.h"

namespace ugpt::engine {
namespace {

// y = x * scale with scale = (mean(x^2) + 1e-5)^-1/2, for `count` positions from `first` on.
// x, y [C x S]; scale [S]. y may be x.
template <class Lanes>
void rmsnorm(const Network& net, const float* x, float* y, float* scale, std::size_t first,
             std::size_t count) {
    const std::size_t width = net.shape.n_embd;
    for (std::size_t t = first; t < first + count; t += Lanes::kWidth) {
        auto value = Lanes::load(x + t);
        auto squares = Lanes::mul(value, value);
        for (std::size_t i = 1; i < width; ++i) {
            value = Lanes::load(x + i * net.stride + t);
            squares = Lanes::fma(value, value, squares);
        }
        const auto mean = Lanes::fma(squares, Lanes::all(net.inverse_width), Lanes::all(1e-5f));
        const auto factor = inverse_root<Lanes>(mean);
        Lanes::store(scale + t, factor);
        for (std::size_t i = 0; i < width; ++i) {
            Lanes::store(y + i * net.stride + t,
                         Lanes::mul(Lanes::load(x + i * net.stride + t), factor));
        }
    }
}

// dx [C x S] from dy [C x S], or added to it: dx = scale (dy - y mean(y dy)), where y is the norm's
// output. dx may be dy.
template <class Lanes>
void rmsnorm_backward(const Network& net, const float* y, const float* scale, const float* dy,
                      float* dx, bool accumulate, std::size_t count) {
    const std::size_t width = net.shape.n_embd;
    for (std::size_t t = 0; t < count; t += Lanes::kWidth) {
        auto dot = Lanes::mul(Lanes::load(y + t), Lanes::load(dy + t));
        for (std::size_t i = 1; i < width; ++i) {
            const std::size_t at = i * net.stride + t;
            dot = Lanes::fma(Lanes::load(y + at), Lanes::load(dy + at), dot);
        }
        const auto mean = Lanes::mul(dot, Lanes::all(net.inverse_width));
        const auto factor = Lanes::load(scale + t);
        for (std::size_t i = 0; i < width; ++i) {
            const std::size_t at = i * net.stride + t;
            const auto centred =
                Lanes::negative_fma(Lanes::load(y + at), mean, Lanes::load(dy + at));
            Lanes::store(dx + at, accumulate ? Lanes::fma(centred, factor, Lanes::load(dx + at))
                                             : Lanes::mul(centred, factor));
        }
    }
}

}  // namespace
}  // namespace ugpt::engine

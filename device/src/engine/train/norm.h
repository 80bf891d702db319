// Root-mean-square normalisation over the features of each position.
#pragma once

#include "engine/numeric/math.h"
#include "engine/train/features.h"
#include "engine/train/network.h"

namespace ugpt::engine {
namespace {

// y = x * scale with scale = (mean(x^2) + 1e-5)^-1/2, at `count` positions from `first` on.
// x, y [C x S], scale [S]. y may be x.
template <class Lanes>
void rmsnorm_forward(const Network& net, const float* x, float* y, float* scale, std::size_t first,
                     std::size_t count) {
    with_stride<Lanes>(net, [&](auto stride) {
        for (std::size_t t = first; t < first + count; t += Lanes::kWidth) {
            auto squares = Lanes::all(0.0f);
            for_features(net, stride, t, [&](std::size_t i) UGPT_INLINED {
                const auto value = Lanes::load(x + i);
                squares = Lanes::fma(value, value, squares);
            });
            const auto mean = Lanes::fma(squares, Lanes::all(net.inverse_width), Lanes::all(1e-5f));
            const auto factor = inverse_root<Lanes>(mean);
            Lanes::store(scale + t, factor);
            for_features(net, stride, t, [&](std::size_t i) UGPT_INLINED {
                Lanes::store(y + i, Lanes::mul(Lanes::load(x + i), factor));
            });
        }
    });
}

// dx = scale (dy - y mean(y dy)), or dx plus that, at `count` positions from `first` on. y is the
// output of the forward pass. y, dy, dx [C x S], scale [S]. dx may be dy.
template <class Lanes, bool kAccumulate>
void rmsnorm_backward(const Network& net, const float* y, const float* scale, const float* dy,
                      float* dx, std::size_t first, std::size_t count) {
    with_stride<Lanes>(net, [&](auto stride) {
        for (std::size_t t = first; t < first + count; t += Lanes::kWidth) {
            auto dot = Lanes::all(0.0f);
            for_features(net, stride, t, [&](std::size_t i) UGPT_INLINED {
                dot = Lanes::fma(Lanes::load(y + i), Lanes::load(dy + i), dot);
            });
            const auto mean = Lanes::mul(dot, Lanes::all(net.inverse_width));
            const auto factor = Lanes::load(scale + t);
            for_features(net, stride, t, [&](std::size_t i) UGPT_INLINED {
                const auto centred =
                    Lanes::negative_fma(Lanes::load(y + i), mean, Lanes::load(dy + i));
                Lanes::store(dx + i, kAccumulate ? Lanes::fma(centred, factor, Lanes::load(dx + i))
                                                 : Lanes::mul(centred, factor));
            });
        }
    });
}

}  // namespace
}  // namespace ugpt::engine

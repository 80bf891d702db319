// Root-mean-square normalisation over the features of each position.
#pragma once

#include "engine/numeric/math.h"
#include "engine/train/network.h"

namespace ugpt::engine {
namespace {

// y = x * scale with scale = (mean(x^2) + 1e-5)^-1/2, for `count` positions from `first` on.
// x, y [C x S]; scale [S]. y may be x.
template <class Lanes>
void rmsnorm(const Network& net, const float* x, float* y, float* scale, std::size_t first,
             std::size_t count) {
    for (std::size_t t = first; t < first + count; t += Lanes::kWidth) {
        const float* in = x + t;
        auto value = Lanes::load(in);
        auto squares = Lanes::mul(value, value);
        for (std::size_t left = net.shape.n_embd - 1; left > 0; --left) {
            in += net.stride;
            value = Lanes::load(in);
            squares = Lanes::fma(value, value, squares);
        }
        const auto mean = Lanes::fma(squares, Lanes::all(net.inverse_width), Lanes::all(1e-5f));
        const auto factor = inverse_root<Lanes>(mean);
        Lanes::store(scale + t, factor);
        in = x + t;
        float* out = y + t;
        for (std::size_t left = net.shape.n_embd;;) {
            Lanes::store(out, Lanes::mul(Lanes::load(in), factor));
            if (--left == 0) {
                break;
            }
            in += net.stride;
            out += net.stride;
        }
    }
}

// dx [C x S] from dy [C x S], or added to it: dx = scale (dy - y mean(y dy)), where y is the norm's
// output. dx may be dy.
template <class Lanes, bool kAccumulate>
void rmsnorm_backward(const Network& net, const float* y, const float* scale, const float* dy,
                      float* dx, std::size_t count) {
    for (std::size_t t = 0; t < count; t += Lanes::kWidth) {
        const float* out = y + t;
        const float* gradient = dy + t;
        auto dot = Lanes::mul(Lanes::load(out), Lanes::load(gradient));
        for (std::size_t left = net.shape.n_embd - 1; left > 0; --left) {
            out += net.stride;
            gradient += net.stride;
            dot = Lanes::fma(Lanes::load(out), Lanes::load(gradient), dot);
        }
        const auto mean = Lanes::mul(dot, Lanes::all(net.inverse_width));
        const auto factor = Lanes::load(scale + t);
        out = y + t;
        gradient = dy + t;
        float* result = dx + t;
        for (std::size_t left = net.shape.n_embd;;) {
            const auto centred =
                Lanes::negative_fma(Lanes::load(out), mean, Lanes::load(gradient));
            Lanes::store(result, kAccumulate ? Lanes::fma(centred, factor, Lanes::load(result))
                                             : Lanes::mul(centred, factor));
            if (--left == 0) {
                break;
            }
            out += net.stride;
            gradient += net.stride;
            result += net.stride;
        }
    }
}

}  // namespace
}  // namespace ugpt::engine

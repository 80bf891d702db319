// Loops over the features of a position in activations [feature][position].
#pragma once

#include <type_traits>

#include "engine/numeric/scalar_lanes.h"
#include "engine/train/network.h"

namespace ugpt::engine {
namespace {

// body(stride) with the stride of activations. Without vectors, that of the standard model is
// compiled apart: then the features of a loop's turn are a known distance apart.
template <class Lanes, class Body>
UGPT_LANE void with_stride(const Network& net, const Body& body) {
    constexpr std::size_t kStandard = 16;
    if (UGPT_STANDARD_STRIDES && Lanes::Single::kWidth == 1 && net.stride == kStandard) {
        body(std::integral_constant<std::size_t, kStandard>{});
    } else {
        body(net.stride);
    }
}

// each(i) for every feature in order, with i the index of its position t.
template <class Stride, class Each>
UGPT_LANE void for_features(const Network& net, Stride stride, std::size_t t, const Each& each) {
    constexpr std::size_t kTogether = 4;
    std::size_t i = t;
    for (std::size_t left = net.shape.n_embd / kTogether; left > 0; --left) {
        UGPT_UNROLL for (std::size_t k = 0; k < kTogether; ++k) {
            each(i + k * stride);
        }
        i += kTogether * stride;
    }
    for (std::size_t left = net.shape.n_embd % kTogether; left > 0; --left) {
        each(i);
        i += stride;
    }
}

}  // namespace
}  // namespace ugpt::engine

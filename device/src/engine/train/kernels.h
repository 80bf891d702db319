// The training step compiled for one instruction set, and the choice of a set.
#pragma once

#include <cstddef>

#include "engine/numeric/self_test_lanes.h"
#include "engine/train/adam_step.h"
#include "engine/train/network.h"

namespace ugpt::engine {

struct Kernels {
    const char* name;
    std::size_t lanes;  // floats in a vector; divides the stride of positions
    float (*forward)(const Network& net, const Document& document);
    void (*backward)(const Network& net, const Update& update, const Document& document);
    void (*accumulated_squares)(const Network& net, SquareSums& sums);
    void (*apply_accumulated_gradients)(const Network& net, const AdamStep& step, float factor);
    void (*decode)(const Network& net, Token token, std::size_t position);
    LanesTest self_test;
};

// Every set that this build and this processor have, fastest first and the scalar one last; nullptr
// ends the list. All give the same bits.
struct KernelList {
    static constexpr std::size_t kMost = 3;
    const Kernels* sets[kMost + 1] = {};
};
KernelList available_kernels();

// The fastest set for a network with this stride.
const Kernels& best_kernels(std::size_t stride);

// Tests the arithmetic of every set of `list`.
SelfTest test_kernels(const KernelList& list);

}  // namespace ugpt::engine

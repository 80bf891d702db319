// The training step compiled for one instruction set, and the choice among them.
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
    float (*sum_of_squares)(const Network& net);  // of the gradients that were kept
    void (*use_kept_gradients)(const Network& net, const AdamStep& step, float factor);
    void (*decode)(const Network& net, Token token, std::size_t position);
    LanesTest self_test;
};

// Every set this build and processor can run, best first; all give the same bits. The last one is
// the plain one. At most kMost, ended by nullptr.
struct KernelList {
    static constexpr std::size_t kMost = 3;
    const Kernels* sets[kMost + 1] = {};
};
KernelList available_kernels();

// The best one for a network with this stride.
const Kernels& best_kernels(std::size_t stride);

// Tests the arithmetic of every set of `list`.
SelfTest test_kernels(const KernelList& list);

}  // namespace ugpt::engine

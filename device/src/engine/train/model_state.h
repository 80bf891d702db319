// What a model consists of: its state here, and the parts that its network points to.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/config.h"
#include "engine/train/adam_step.h"
#include "engine/train/kernels.h"
#include "engine/train/network.h"

namespace ugpt::engine {

struct ModelState {
    Recipe recipe;
    Network network;
    const Kernels* kernels = nullptr;
    std::uint32_t step = 0;
    std::optional<float> gradient_norm;  // of the last step
    BiasCorrection correction;           // of `step` completed steps

    // Of the documents whose gradients were accumulated.
    std::uint32_t documents = 0;
    float loss_sum = 0.0f;
};

}  // namespace ugpt::engine

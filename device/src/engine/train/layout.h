// Where a model's parts go: one function for the plan and for the allocation.
#pragma once

#include "engine/engine.h"
#include "engine/train/network.h"

namespace ugpt::engine {

struct Layout {
    ModelState* state = nullptr;  // with its network; nullptr if the model does not fit
    Plan plan;
};

// Takes every part from `arena`, filled with zeros; with a measuring arena only `plan` means
// something.
Layout lay_out(const Shape& shape, const Recipe& recipe, Arena& arena);

}  // namespace ugpt::engine

// Where a model's parts go: one function for the plan and for the allocation.
#pragma once

#include <span>

#include "engine/train/model.h"
#include "engine/train/network.h"

namespace ugpt::engine {

struct Layout {
    Network network;
    std::span<Parameter> parameters;  // in canonical order
    Plan plan;
};

// Takes every part from `arena`, filled with zeros; with a measuring arena only `plan` means
// something.
Layout lay_out(const Shape& shape, const Recipe& recipe, Arena& arena);

}  // namespace ugpt::engine

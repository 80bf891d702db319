// Where the parts of a model go: the same code plans and allocates.
#pragma once

#include "engine/train.h"
#include "engine/train/network.h"

namespace ugpt::engine {

struct Layout {
    ModelState* state = nullptr;  // with its network; nullptr if the model does not fit
    Plan plan;
};

// Takes every part from `arena`, filled with zeros, with room for so many cores to work in. With a
// measuring arena, only `plan` is of use.
Layout lay_out(const Shape& shape, const Recipe& recipe, Arena& arena, std::uint32_t cores);

}  // namespace ugpt::engine

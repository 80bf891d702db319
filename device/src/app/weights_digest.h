// What tells weights from all others.
#pragma once

#include <span>

#include "base/sha256.h"
#include "engine/engine.h"

namespace ugpt::app {

// Of the weights as little-endian float32, in the canonical order of the matrices. They pass
// through `room`, some at a time.
base::Sha256::Digest weights_digest(const engine::Model& model, std::span<float> room);

}  // namespace ugpt::app

// What a model would cost on this device, asked from either task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/engine.h"

namespace ugpt::app {

using MemoryBlocks = std::span<const std::span<std::byte>>;

// The plan of a model whose vocabulary takes `vocabulary_bytes` of the same memory.
[[nodiscard]] engine::Plan plan_model(MemoryBlocks blocks, const engine::Shape& shape,
                                      const engine::Recipe& recipe,
                                      std::uint32_t vocabulary_bytes);

}  // namespace ugpt::app

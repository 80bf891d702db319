// What a model would cost on this device, asked from either task.
#pragma once

#include <cstdint>

#include "engine/engine.h"
#include "port/port.h"
#include "rpc/messages.h"

namespace ugpt::app {

// An arena that only counts, of the platform's memory.
[[nodiscard]] engine::Arena measuring_arena(port::Platform& platform);

// The plan of a model whose vocabulary takes `vocabulary_bytes` of the same memory, for `cores`.
[[nodiscard]] engine::Plan plan_model(port::Platform& platform, const engine::Shape& shape,
                                      const engine::Recipe& recipe, std::uint32_t vocabulary_bytes,
                                      std::uint32_t cores);

// The same, the size of its checkpoint and the time it takes, as the protocol puts it. `positions`
// are those of a document; 0 for all that the context has.
[[nodiscard]] rpc::Plan describe_plan(port::Platform& platform, std::uint32_t cores,
                                      const rpc::Shape& rpc_shape, const rpc::Recipe& rpc_recipe,
                                      std::uint32_t vocabulary_bytes, std::uint16_t positions = 0);

// By how many bytes a pretrained model and a text of so many positions do not fit; 0 if they do.
// Weights stay in flash.
[[nodiscard]] std::uint64_t plan_text(port::Platform& platform, const engine::infer::Shape& shape,
                                      std::uint32_t positions);

// How long cycles of a clock take; 0 if its rate is.
[[nodiscard]] std::uint64_t nanoseconds(std::uint64_t cycles, std::uint32_t clock_hz);

// As a u32 of the protocol; a number that is too large becomes the largest.
[[nodiscard]] std::uint32_t saturated(std::uint64_t value);

}  // namespace ugpt::app

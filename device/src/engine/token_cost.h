// What a token of a pretrained model costs an ESP32, estimated: for `text_plan`, and for a virtual
// device that keeps a chip's pace. No text depends on it.
//
// The terms are a fit to instructions that were counted on the LX6, with its fastest kernels
// (docs/performance.md says how). The fit is within 1% of all counts;
// tests/engine/test_token_cost.cpp holds it there.
#pragma once

#include <array>
#include <cstdint>

#include "engine/arena.h"
#include "engine/placement.h"

namespace ugpt::engine::infer {

struct Choice;
struct Shape;
enum class Format : std::uint8_t;

// What decides how fast a chip computes a token.
struct ChipSpeed {
    std::uint32_t clock_hz = 0;
    std::uint32_t cores = 1;              // that take part
    std::uint32_t flash_bytes_per_s = 0;  // read through the cache
    // Of memory that weights are waited for, such as PSRAM; 0 if they are not.
    std::array<std::uint32_t, Arena::kMaxBlocks> block_bytes_per_s{};
};

// Of a token.
struct TokenInstructions {
    float model = 0;   // shared by the cores
    float choice = 0;  // of the token, by one core

    [[nodiscard]] float together() const { return model + choice; }
};

// Of a token that attends to so many positions, its own among them, and is chosen in this way.
// `format` is that of the matrices.
[[nodiscard]] TokenInstructions token_instructions(const Shape& shape, Format format,
                                                   float positions, const Choice& choice);

// The time of a token in cycles: its instructions, and then what is read from flash. By GCC's model
// of the pipeline and estimated rates; no chip has been measured.
[[nodiscard]] std::uint64_t token_cycles(const TokenInstructions& instructions,
                                         const Placement& placement, const ChipSpeed& chip);

}  // namespace ugpt::engine::infer

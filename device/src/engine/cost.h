// What training and sampling cost an ESP32, estimated: for `plan`, and for a virtual device that
// keeps a chip's pace. No result depends on it.
//
// The terms of a step are a fit to the instructions that were counted for the chip's LX6
// (docs/performance.md, which says how): each is a count that grows with the work that it names,
// its factor chosen so that the largest relative difference is smallest. That is 3% over all
// rows of the page and 1% for the standard run; tests/engine/test_cost.cpp holds it there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/config.h"

namespace ugpt::engine {

// Instructions of a document's part in a step. The last document of a batch updates the weights.
[[nodiscard]] float step_instructions(const Shape& shape, const Recipe& recipe,
                                      std::size_t positions, bool updates);

// Instructions of a document that is evaluated. Not counted: it is the forward part of a step.
[[nodiscard]] float evaluation_instructions(const Shape& shape, std::size_t positions);

// Instructions of one text, its prompt and the token that ended it included. One model was counted,
// the standard one; those of others are taken to grow with their multiply-adds.
[[nodiscard]] float sample_instructions(const Shape& shape, const Recipe& recipe,
                                        std::size_t tokens);

// Of so many instructions of a document's part in a step, those on the critical path when `cores`
// divide the work. A fit to the counts for two cores, f32 moments: within 1% of them. With packed
// moments and a width of 16 it is 8% too short, because few matrices can be divided then.
[[nodiscard]] float critical_instructions(const Shape& shape, float instructions,
                                          std::size_t positions, std::uint32_t cores);

// The same in cycles, by GCC's model of the pipeline; no chip has been measured.
[[nodiscard]] std::uint64_t step_cycles(const Shape& shape, const Recipe& recipe,
                                        std::size_t positions, bool updates, std::uint32_t cores);
// Of a whole step, on documents of the same length.
[[nodiscard]] std::uint64_t batch_cycles(const Shape& shape, const Recipe& recipe,
                                         std::size_t positions, std::uint32_t cores);
[[nodiscard]] std::uint64_t evaluation_cycles(const Shape& shape, std::size_t positions,
                                              std::uint32_t cores);
// Of one core: the tokens of a text follow one another.
[[nodiscard]] std::uint64_t sample_cycles(const Shape& shape, const Recipe& recipe,
                                          std::size_t tokens);

}  // namespace ugpt::engine

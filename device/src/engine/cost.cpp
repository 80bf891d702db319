#include "engine/cost.h"

#include <algorithm>

namespace ugpt::engine {
namespace {

// Instructions, from the fit. Tiles are compiled apart for the strides of the standard model, of
// which a width of 64 has some.
constexpr float kMultiplyAdd = 2.15f;
constexpr float kMultiplyAddOfStandardStrides = 1.70f;
constexpr float kMultiplyAddOfWidth64 = 1.90f;
constexpr float kMultiplyAddOfLongContext = 2.39f;
constexpr std::uint32_t kStandardBlock = 16;
constexpr float kPair = 18.2f;  // a query and a key that it sees, in one head
constexpr float kLogit = 92.0f;
constexpr float kPositionOfLayer = 1500.0f;
constexpr float kParameter = 30.0f;  // Adam, and the gradient that it uses at once
// What packed moments take beyond that.
constexpr float kParameterBf16 = 39.9f;
constexpr float kParameterQ8 = 62.2f;
// Not counted: a gradient that is kept is loaded, added to and stored.
constexpr float kKeptGradient = 4.0f;
// 12,126 for a token of the standard model, which takes 3,632 multiply-adds on average.
constexpr float kMultiplyAddOfToken = 3.34f;

// What dividing adds to the share of a core, for each position: hand-overs, narrower tiles,
// waiting.
constexpr float kDividing = 770.0f;
constexpr float kDividingLayer = -152.0f;
constexpr float kDividingLayerOfWidth = 45.5f;

// 356,000 cycles for the 282,664 instructions of a step.
constexpr float kCyclesPerInstruction = 1.26f;
// 13,300 tokens a second at 240 MHz: one position at a time leaves more latency to wait for.
constexpr float kCyclesPerInstructionOfToken = 1.49f;

float as_float(std::size_t count) {
    return static_cast<float>(count);
}

float parameter_count(const Shape& shape) {
    const float width = as_float(shape.n_embd);
    return 12.0f * as_float(shape.n_layer) * width * width +
           (2.0f * as_float(shape.vocab_size) + as_float(shape.block_size)) * width;
}

float pair_count(std::size_t positions) {
    return as_float(positions) * as_float(positions + 1) / 2.0f;
}

// Multiply-adds of one layer, forward.
float layer_products(const Shape& shape, std::size_t positions) {
    const float width = as_float(shape.n_embd);
    return 12.0f * width * width * as_float(positions) + 2.0f * width * pair_count(positions);
}

// Multiply-adds of all layers and of the logits, forward.
float products(const Shape& shape, std::size_t positions) {
    return as_float(shape.n_layer) * layer_products(shape, positions) +
           as_float(shape.n_embd) * as_float(shape.vocab_size) * as_float(positions);
}

float per_product(const Shape& shape) {
    if (shape.block_size > kStandardBlock) return kMultiplyAddOfLongContext;
    return shape.n_embd == 16   ? kMultiplyAddOfStandardStrides
           : shape.n_embd == 64 ? kMultiplyAddOfWidth64
                                : kMultiplyAdd;
}

// Of one layer, forward and backward.
float pairs(const Shape& shape, std::size_t positions) {
    return kPair * as_float(shape.n_head) * pair_count(positions);
}

float per_position(const Shape& shape) {
    return kLogit * as_float(shape.vocab_size) + kPositionOfLayer * as_float(shape.n_layer);
}

std::uint64_t cycles(float instructions, float per_instruction) {
    return static_cast<std::uint64_t>(instructions * per_instruction);
}

}  // namespace

float step_instructions(const Shape& shape, const Recipe& recipe, std::size_t positions,
                        bool updates) {
    // A backward pass multiplies twice for each product of the forward pass.
    float sum = per_product(shape) * 3.0f * products(shape, positions) +
                as_float(shape.n_layer) * pairs(shape, positions) +
                as_float(positions) * per_position(shape);
    // The last layer's activations are still there.
    if (recipe.activation_checkpointing)
        sum +=
            as_float(shape.n_layer - 1) * (per_product(shape) * layer_products(shape, positions) +
                                           0.5f * pairs(shape, positions));
    const float parameters = parameter_count(shape);
    if (accumulates_gradients(recipe)) sum += kKeptGradient * parameters;
    if (!updates) return sum;
    sum += kParameter * parameters;
    if (recipe.moments == MomentFormat::bf16) sum += kParameterBf16 * parameters;
    if (recipe.moments == MomentFormat::q8) sum += kParameterQ8 * parameters;
    return sum;
}

float evaluation_instructions(const Shape& shape, std::size_t positions) {
    return per_product(shape) * products(shape, positions) +
           0.5f * as_float(shape.n_layer) * pairs(shape, positions) +
           as_float(positions) * per_position(shape);
}

float sample_instructions(const Shape& shape, const Recipe& recipe, std::size_t tokens) {
    const float width = as_float(shape.n_embd);
    const float layers = as_float(shape.n_layer);
    const float linear = 12.0f * layers * width * width + width * as_float(shape.vocab_size);
    // Layers that share memory have lost keys and values: every earlier position is computed again.
    const float computed = recipe.activation_checkpointing ? pair_count(tokens) : as_float(tokens);
    return kMultiplyAddOfToken * (linear * computed + 2.0f * layers * width * pair_count(tokens));
}

float critical_instructions(const Shape& shape, float instructions, std::size_t positions,
                            std::uint32_t cores) {
    if (cores <= 1) return instructions;
    const float added =
        kDividing +
        as_float(shape.n_layer) * (kDividingLayer + kDividingLayerOfWidth * as_float(shape.n_embd));
    return instructions / as_float(cores) + as_float(positions) * added;
}

std::uint64_t step_cycles(const Shape& shape, const Recipe& recipe, std::size_t positions,
                          bool updates, std::uint32_t cores) {
    const float together = step_instructions(shape, recipe, positions, updates);
    return cycles(critical_instructions(shape, together, positions, cores), kCyclesPerInstruction);
}

std::uint64_t batch_cycles(const Shape& shape, const Recipe& recipe, std::size_t positions,
                           std::uint32_t cores) {
    return (recipe.batch - 1) * step_cycles(shape, recipe, positions, false, cores) +
           step_cycles(shape, recipe, positions, true, cores);
}

std::uint64_t evaluation_cycles(const Shape& shape, std::size_t positions, std::uint32_t cores) {
    // Of what dividing adds to a step, a third is in the forward pass, as of its work.
    const float together = evaluation_instructions(shape, positions);
    const float added = critical_instructions(shape, 0.0f, positions, cores) / 3.0f;
    return cycles(together / as_float(std::max<std::uint32_t>(cores, 1)) + added,
                  kCyclesPerInstruction);
}

std::uint64_t sample_cycles(const Shape& shape, const Recipe& recipe, std::size_t tokens) {
    return cycles(sample_instructions(shape, recipe, tokens), kCyclesPerInstructionOfToken);
}

}  // namespace ugpt::engine

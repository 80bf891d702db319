#include "engine/token_cost.h"

#include "engine/infer.h"
#include "engine/sampling/sampler.h"

namespace ugpt::engine::infer {

namespace {

// Instructions, from the fit. Of matrices in a format:
struct MatrixCost {
    float product;  // a multiply-add
    float row;      // of a matrix, for every product with it
    float hidden;   // an element within the MLP
};
constexpr MatrixCost kQ8{2.11f, 46.8f, 68.3f};
constexpr MatrixCost kF32{2.37f, 27.0f, 19.9f};
// Of attention to a position, in either format:
constexpr float kPair = 48.7f;               // in each head
constexpr float kPairOfWidth = 3.18f;        // and for each of its elements
constexpr float kConversionOfWidth = 4.73f;  // of keys and values to floats; two heads share one

// Of the choice, a token of the vocabulary:
constexpr float kLikeliest = 17.4f;
constexpr float kDrawn = 49.3f;
constexpr float kDrawnFromCut = 186.5f;  // on average at a temperature of 1 and a top-p of 0.9

constexpr float kCyclesPerInstruction = 1.22f;  // of a training step on one core

float as_float(std::uint32_t count) {
    return static_cast<float>(count);
}

// For what is read at a rate; nothing if there is none.
std::uint64_t cycles_to_read(std::uint32_t bytes, std::uint32_t bytes_per_s,
                             std::uint32_t clock_hz) {
    return bytes_per_s == 0 ? 0 : std::uint64_t{bytes} * clock_hz / bytes_per_s;
}

float model_instructions(const Shape& shape, Format format, float positions) {
    const float layers = as_float(shape.n_layer), width = as_float(shape.n_embd);
    const float hidden = as_float(shape.n_hidden), kv_width = as_float(shape.kv_dim());
    const float vocabulary = as_float(shape.vocab_size);
    const float products =
        layers * width * (2.0f * width + 2.0f * kv_width + 3.0f * hidden) + vocabulary * width;
    const float rows = layers * (3.0f * width + 2.0f * kv_width + 2.0f * hidden) + vocabulary;
    const MatrixCost& matrices = format == Format::q8 ? kQ8 : kF32;
    const float heads = layers * as_float(shape.n_head);
    const bool in_pairs = shape.n_head / shape.n_kv_head % 2 == 0;
    const float head_width = as_float(shape.head_dim());
    const float position =
        heads *
        (kPair + head_width * (kPairOfWidth + kConversionOfWidth / (in_pairs ? 2.0f : 1.0f)));
    return matrices.product * products + matrices.row * rows + matrices.hidden * layers * hidden +
           position * positions -
           kLikeliest * vocabulary;  // the fit is to tokens with their choice
}

float choice_instructions(const Shape& shape, const Choice& choice) {
    float each = kDrawn;
    if (choice.temperature < Sampling::kGreedyBelow)
        each = kLikeliest;
    else if (choice.top_k > 0 || choice.top_p < 1.0f)
        each = kDrawnFromCut;
    return each * as_float(shape.vocab_size);
}

}  // namespace

TokenInstructions token_instructions(const Shape& shape, Format format, float positions,
                                     const Choice& choice) {
    return {model_instructions(shape, format, positions), choice_instructions(shape, choice)};
}

std::uint64_t token_cycles(const TokenInstructions& instructions, const Placement& placement,
                           const ChipSpeed& chip) {
    const float computed =
        (instructions.model / as_float(chip.cores) + instructions.choice) * kCyclesPerInstruction;
    std::uint64_t cycles =
        static_cast<std::uint64_t>(computed) +
        cycles_to_read(placement.flash.bytes_per_token, chip.flash_bytes_per_s, chip.clock_hz);
    for (std::size_t i = 0; i < placement.blocks.size(); ++i) {
        cycles += cycles_to_read(placement.blocks[i].bytes_per_token, chip.block_bytes_per_s[i],
                                 chip.clock_hz);
    }
    return cycles;
}

}  // namespace ugpt::engine::infer

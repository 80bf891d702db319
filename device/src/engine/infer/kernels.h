// The forward pass compiled for one instruction set, and the choice of a set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/infer.h"
#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine::infer {

// Rows of a product are computed in blocks of this many, and shared between cores in such blocks.
inline constexpr std::size_t kBlockRows = 8;
// Columns of a q8 row that have a scale of their own, at most.
inline constexpr std::size_t kGroupColumns = 256;
// A weight w of q8 is stored as the unsigned byte w + kWeightBias.
inline constexpr std::int32_t kWeightBias = 128;
// Buffers of activations and tensors are padded to a multiple of this many values.
inline constexpr std::size_t kPadding = 16;

UGPT_LANE constexpr std::uint64_t round_up(std::uint64_t size, std::uint64_t multiple) {
    return (size + multiple - 1) / multiple * multiple;
}
UGPT_LANE constexpr std::size_t blocks_of(std::size_t rows) {
    return (rows + kBlockRows - 1) / kBlockRows;
}
UGPT_LANE constexpr std::size_t groups_of(std::size_t cols) {
    return (cols + kGroupColumns - 1) / kGroupColumns;
}
// Bytes from one row of q8 weights to the next.
UGPT_LANE constexpr std::size_t q8_stride(std::size_t cols) {
    return (cols + 3) / 4 * 4;
}

// What a product multiplies by: floats for f32; for q8 integers, value i being shorts[i] unit.
struct Input {
    float* values = nullptr;             // padded with anything
    std::int16_t* shorts = nullptr;      // padded with 0, in the order that the kernels like
    std::int32_t* group_sums = nullptr;  // of the shorts of each kGroupColumns columns
    float unit = 0.0f;                   // a power of two, or NaN if a value is not finite
};

// What turns a pair of a head.
struct Rotation {
    float cosine;
    float sine;
};

// The blocks of rows [first, first + count) of a product.
struct Blocks {
    std::size_t first;
    std::size_t count;
};

// One layer's attention for one position. Keys lie transposed, so that neighbouring positions are
// neighbours in memory. Both caches hold integers of 16 bits, and for the keys or values of each
// position a unit, which is a power of two.
struct Attention {
    const float* queries;        // [n_head x head_dim]
    const std::int16_t* keys;    // [kv_dim x stride]
    const float* key_units;      // [stride]
    const std::int16_t* values;  // [stride x kv_dim]
    const float* value_units;    // [stride]
    float* weights;              // scratch memory [n_head x stride]
    float* out;                  // [n_head x head_dim]
    std::size_t positions;       // that are attended to
    std::size_t stride;          // positions that there is room for, padded
    std::size_t head_dim;
    std::size_t kv_dim;
    std::size_t heads_per_kv_head;
    float score_scale;  // 1 / sqrt(head_dim)
};

// Whole vectors are read and written: up to kPadding values for the last one.
struct Kernels {
    const char* name;
    // y = x scale gains
    void (*norm)(const float* x, const float* gains, float epsilon, float* y, std::size_t width);
    // Sets the shorts, their sums and the unit.
    void (*quantise)(Input& input, std::size_t width);
    // out = W x, or out + W x. `out` is that of row 0.
    void (*product)(const Tensor& w, const Input& x, float* out, Blocks blocks, bool add);
    // The rotations of a position, and what turns the pairs of all heads by them.
    void (*turn)(std::span<const std::uint64_t> steps, std::uint32_t position, Rotation* rotations);
    void (*rotate)(float* vectors, std::size_t heads, const Rotation* rotations, std::size_t pairs);
    // Rounds keys or values into their cache, `step` places apart; returns their unit.
    float (*cache)(const float* vector, std::size_t width, std::int16_t* place, std::size_t step);
    // The part of `out` of a head, or of two neighbours that share keys and values.
    void (*attend)(const Attention& attention, std::size_t first, std::size_t count);
    // gate = silu(gate) up, for blocks of values.
    void (*swiglu)(float* gate, const float* up, Blocks blocks);
};

// Every set that this build and this processor have, fastest first and the scalar one last; nullptr
// ends the list. All give the same bits.
struct KernelList {
    static constexpr std::size_t kMost = 3;
    const Kernels* sets[kMost + 1] = {};
};
KernelList available_kernels();

}  // namespace ugpt::engine::infer

// What a language model consists of, in the arena.
#pragma once

#include "engine/infer/kernels.h"

namespace ugpt::engine::infer {

// Keys and values of a layer, as Attention has them.
struct LayerCache {
    std::int16_t* keys = nullptr;
    float* key_units = nullptr;
    std::int16_t* values = nullptr;
    float* value_units = nullptr;
};

struct State {
    Weights weights;
    std::uint32_t context = 0;
    std::size_t stride = 0;  // of positions: context, padded
    const Kernels* kernels = nullptr;
    Team* team = nullptr;
    PhaseObserver* observer = nullptr;
    float score_scale = 0.0f;
    LayerCache* caches = nullptr;  // [n_layer]

    float* residual = nullptr;           // the residual stream [n_embd]
    Input input;                         // its norm [n_embd]
    float* queries = nullptr;            // [n_embd]
    float* keys = nullptr;               // [kv_dim]
    float* values = nullptr;             // [kv_dim]
    float* attention_weights = nullptr;  // [n_head x stride]
    Input mixed;                         // values mixed by attention [n_embd]
    Input hidden;                        // gate of the MLP, then what leaves it [n_hidden]
    float* up = nullptr;                 // [n_hidden]
    float* logits = nullptr;             // [vocab_size]
    Rotation* rotations = nullptr;       // [head_dim / 2]

    [[nodiscard]] const Tensor& tensor(std::uint32_t layer, LayerTensor which) const {
        return weights.tensors[layer_tensor(layer, which)];
    }
};

}  // namespace ugpt::engine::infer

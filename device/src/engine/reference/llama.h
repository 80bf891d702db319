// The plain reference of inference: a model of the Llama type, one token after the other.
//
// Every result is computed by the shortest loop that gives it, in the order that docs/numerics.md
// prescribes. All kernels of engine/infer give the same bits.
//
// In comments on shapes: C = n_embd, D = C / n_head, K = D n_kv_head, F = n_hidden, V = vocab_size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ugpt::reference {

struct LlamaShape {
    std::size_t n_layer, n_embd, n_head, n_kv_head, n_hidden, vocab_size, context;
    float norm_epsilon;
};

// A matrix of weights, in either format.
struct LlamaMatrix {
    std::size_t rows, cols;
    std::vector<float> values;  // f32: row by row; empty for q8
    std::vector<int> weights;   // q8: row by row, from -127 to 127
    std::vector<float> scales;  // q8: for each group of 256 columns, those of all rows

    [[nodiscard]] bool is_q8() const { return values.empty(); }
};

struct LlamaLayer {
    std::vector<float> attention_norm;  // [C]
    LlamaMatrix wq, wk, wv, wo;         // [C x C], [K x C], [K x C], [C x C]
    std::vector<float> mlp_norm;        // [C]
    LlamaMatrix w1, w2, w3;             // [F x C], [C x F], [F x C]
};

struct LlamaWeights {
    LlamaMatrix embedding;  // [V x C]
    std::vector<LlamaLayer> layers;
    std::vector<float> final_norm;          // [C]
    LlamaMatrix classifier;                 // [V x C]
    std::vector<std::uint64_t> rope_steps;  // turns of 2^-64 for a position [D / 2]
};

// Integers of 16 bits with a unit: value i is shorts[i] unit.
struct Quantised {
    std::vector<int> shorts;
    float unit;
};

class Llama {
  public:
    Llama(const LlamaShape& shape, LlamaWeights weights);

    // The logits of what follows `token` at the next position, from 0 on. [V]
    std::vector<float> next(std::size_t token);

  private:
    void attend(const LlamaLayer& layer, std::size_t l, std::vector<float>& residual);
    void feed_forward(const LlamaLayer& layer, std::vector<float>& residual) const;

    LlamaShape shape_;
    LlamaWeights weights_;
    std::vector<std::vector<Quantised>> keys_, values_;  // [layer][position]
};

}  // namespace ugpt::reference

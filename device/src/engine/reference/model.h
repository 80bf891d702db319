// The plain reference, first half: what a model is, its forward pass, and the drawing of a text.
//
// Every result is computed by the shortest loop that gives it, in the order that docs/numerics.md
// prescribes. All kernels of the engine give the same bits.
//
// In comments on shapes: C = n_embd, H = n_head, D = C / H, T = block_size, V = vocab_size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ugpt::reference {

using Token = std::uint16_t;

struct Shape {
    std::size_t n_layer = 1;
    std::size_t n_embd = 16;
    std::size_t n_head = 4;  // divides n_embd
    std::size_t block_size = 16;
    std::size_t vocab_size = 27;

    // Begins and ends every text.
    [[nodiscard]] Token bos() const { return static_cast<Token>(vocab_size - 1); }
};

// matrix[row][col], zero to begin with.
struct Matrix {
    std::size_t rows, cols;
    std::vector<float> values;  // row by row

    Matrix(std::size_t r, std::size_t c) : rows(r), cols(c), values(r * c) {}
    float* operator[](std::size_t row) { return values.data() + row * cols; }
    const float* operator[](std::size_t row) const { return values.data() + row * cols; }
};

// Attention takes queries in blocks of this many; see docs/numerics.md.
inline constexpr std::size_t kQueryBlock = 16;

// One number for every parameter: its weight, its gradient, or one of its moments.
struct Layer {
    Matrix attn_wqkv;  // attn_wq, attn_wk and attn_wv, one below the other [3C x C]
    Matrix attn_wo;    // [C x C]
    Matrix mlp_fc1;    // [4C x C]
    Matrix mlp_fc2;    // [C x 4C]
};
struct Parameters {
    Matrix wte;      // token embeddings [V x C]
    Matrix wpe;      // position embeddings [T x C]
    Matrix lm_head;  // [V x C]
    std::vector<Layer> layers;

    explicit Parameters(const Shape& shape);
    std::vector<Matrix*> matrices();  // in canonical order: as above, layer by layer
};

// Everything that the forward pass computes, a row for each position.
struct LayerActivations {
    Matrix attn_input;               // rmsnorm of the residual stream [T x C]
    std::vector<float> attn_scale;   // by which it was multiplied [T]
    Matrix qkv;                      // queries, keys and values [T x 3C]
    std::vector<Matrix> attn_probs;  // for each head [query][key]: H of [T x T]
    Matrix attn_out;                 // values mixed by attn_probs [T x C]
    Matrix mlp_input;                // rmsnorm of the residual stream [T x C]
    std::vector<float> mlp_scale;    // [T]
    Matrix mlp_hidden;               // relu(mlp_fc1 mlp_input) [T x 4C]
};
struct Activations {
    Matrix embedded;                    // rmsnorm of the embeddings [T x C]
    std::vector<float> embedded_scale;  // [T]
    std::vector<LayerActivations> layers;
    Matrix residual;  // the residual stream, at the end after all layers [T x C]
    Matrix logits;    // [T x V]

    explicit Activations(const Shape& shape);
};

// Draws every weight from a normal distribution of mean 0: weight i, counted through the matrices
// in canonical order, is a function of (seed, i).
void init_weights(Parameters& weights, std::uint64_t seed, float init_std);

// The logits of what follows each of the tokens [first, tokens.size()). Positions before `first`
// must have been computed.
void forward(const Shape& shape, const Parameters& weights, std::span<const Token> tokens,
             std::size_t first, Activations& act);

struct SampleRequest {
    std::uint64_t seed = 0;
    std::uint64_t sample_index = 0;
    float temperature = 1.0f;
    std::size_t top_k = 0;  // 0: all tokens
    float top_p = 1.0f;
    std::vector<Token> prompt;    // shorter than block_size
    std::vector<float> uniforms;  // in [0, 1), for the first tokens drawn; then random ones
};

// The token that `uniform` draws from the logits of one position. [V]
Token choose(std::span<const float> logits, const SampleRequest& request, float uniform);

// Draws tokens behind BOS and the prompt, until BOS is drawn or the context is full. Returns what
// was drawn, without the prompt and BOS.
std::vector<Token> draw_text(const Shape& shape, const Parameters& weights,
                             const SampleRequest& request);

}  // namespace ugpt::reference

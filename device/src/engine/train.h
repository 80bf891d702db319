// Training: the model of a run, its step, its texts. Other rooms include it as engine.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/arena.h"
#include "engine/config.h"
#include "engine/cost.h"
#include "engine/numeric/self_test.h"
#include "engine/phase.h"
#include "engine/team.h"

namespace ugpt::engine {

struct Kernels;     // the training step compiled for one instruction set
struct ModelState;  // what a model consists of

// What a model needs, in bytes with alignment.
struct Plan {
    std::uint64_t parameters = 0;    // number of weights
    std::uint64_t moment_words = 0;  // that hold both moments, without alignment
    std::uint64_t weights_bytes = 0;
    std::uint64_t moments_bytes = 0;
    std::uint64_t gradients_bytes = 0;
    std::uint64_t activations_bytes = 0;  // used for sampling too
    std::uint64_t total_bytes = 0;
    std::uint64_t missing_bytes = 0;  // 0 if the model fits

    [[nodiscard]] bool fits() const { return missing_bytes == 0; }
};

enum class TensorKind : std::uint8_t { weights, first_moment, second_moment };

// One parameter matrix [rows x cols] of a model.
struct Parameter {
    std::size_t index = 0;  // in canonical order
    std::uint32_t rows = 0;
    std::uint32_t cols = 0;
    std::span<float> weights;

    [[nodiscard]] std::size_t size() const { return std::size_t{rows} * cols; }
};

// What to sample. The random numbers come from the engine's counter-based generator, keyed by
// (seed, sample_index), or are the caller's: uniforms in [0, 1), one for each token drawn.
struct SampleRequest {
    std::uint64_t seed = 0;
    std::uint32_t sample_index = 0;
    float temperature = 0.5f;  // these three: `Sampling` of engine/sampling/sampler.h
    std::uint32_t top_k = 0;
    float top_p = 1.0f;
    std::span<const Token> prompt;    // shorter than block_size
    std::span<const float> uniforms;  // empty, or at least block_size - prompt.size() of them
};

struct Sample {
    std::size_t length = 0;  // tokens written, without prompt and BOS
    bool ended = false;      // BOS was drawn; if not, the context is full
};

// What a step measures on demand. It costs time and does not change the results.
struct StepOptions {
    bool gradient_norm = false;
};

// A handle to a model in the arena that it was created in.
class Model {
  public:
    // The bytes of every part, and whether they fit into what `arena` has left. A measuring arena
    // will do; a real one is changed as by `create`. `cores` are those of the team.
    static Plan plan(const Shape& shape, const Recipe& recipe, Arena arena,
                     std::uint32_t cores = 1);

    // Makes a model with zero weights and moments at step 0. False if the shape is not valid or the
    // model does not fit: then it is empty, and what was taken stays taken until the arena is
    // cleared. The team, if any, outlives the model and takes part in its steps; the results do not
    // depend on it.
    bool create(const Shape& shape, const Recipe& recipe, Arena& arena, Team* team = nullptr);
    [[nodiscard]] bool empty() const { return state_ == nullptr; }
    // Makes the handle empty; the arena stays as it is.
    void forget() { state_ = nullptr; }

    [[nodiscard]] const Shape& shape() const;
    [[nodiscard]] const Recipe& recipe() const;
    [[nodiscard]] std::uint32_t step() const;  // steps completed

    // Draws every weight from a normal distribution of standard deviation `init_std`, a function of
    // (seed, index of the weight). Moments and step become zero.
    void init_weights(std::uint64_t seed, float init_std);
    // Sets the number of completed steps, after tensors were restored.
    void set_step(std::uint32_t step);

    // Parameter matrices in the canonical order wte, wpe, lm_head, then for each layer attn_wq,
    // attn_wk, attn_wv, attn_wo, mlp_fc1, mlp_fc2. They are named `wte`, `layer0.attn_wq` and so
    // on.
    [[nodiscard]] std::size_t parameter_count() const;
    [[nodiscard]] Parameter parameter(std::size_t index) const;
    [[nodiscard]] std::optional<Parameter> find(std::string_view name) const;

    // Copy values of a tensor, in row-major order from `offset` on; offset + size must not pass its
    // end. Moments are sums over past gradients without the factor (1 - beta1), and over their
    // squares without (1 - beta2). Packed ones are unpacked, or packed to the nearest value: what
    // was read can be written back without any change. A range that is written begins at a multiple
    // of 64 values, and ends at another one or at the end of the tensor.
    void read(const Parameter& parameter, TensorKind kind, std::size_t offset,
              std::span<float> out) const;
    void write(const Parameter& parameter, TensorKind kind, std::size_t offset,
               std::span<const float> values);

    // The same of moments that are packed, as the words that they lie in: offset + size must not
    // pass `packed_words` of them, which is 0 in f32. The words of another model of that shape and
    // format are its moments, bit for bit.
    [[nodiscard]] std::size_t packed_words(const Parameter& parameter) const;
    void read_packed(const Parameter& parameter, TensorKind moment, std::size_t offset,
                     std::span<std::uint32_t> out) const;
    void write_packed(const Parameter& parameter, TensorKind moment, std::size_t offset,
                      std::span<const std::uint32_t> words);

    // One step: forward, backward, Adam, on one document or on the last one of a batch. `text`
    // holds the tokens without BOS, at most block_size of them; n = min(block_size, text.size() +
    // 1) positions are trained. Returns the mean loss of the positions, averaged over the documents
    // of a batch. If that loss is not finite (or, with clipping, the norm of the gradient is not),
    // NaN is returned and nothing changes: neither weights nor step().
    float train_step(std::span<const Token> text, const StepOptions& options = {});

    // The norm of the gradient of the last step, averaged over its documents and before clipping.
    // Known if the step clipped or was asked to measure it, and updated the weights.
    [[nodiscard]] std::optional<float> gradient_norm() const;

    // Adds up the gradients of a document that is not the last one of a batch. `set_step`,
    // `init_weights` and `create` drop what was added up.
    void accumulate(std::span<const Token> text);

    // The mean loss of the n positions of a document; no weight changes. `losses`, unless empty,
    // receives the loss of each: at t that of predicting text[t], or BOS behind the end of the
    // text.
    float evaluate(std::span<const Token> text, std::span<float> losses = {});

    // Draws tokens until BOS, or until prompt and text fill the context. `out` has room for
    // block_size tokens.
    Sample sample(const SampleRequest& request, std::span<Token> out);

    // The instruction set in use. Another one of `available_kernels` can be chosen, unless its
    // vectors do not divide the rows of activations: false then. All give the same bits.
    [[nodiscard]] const Kernels& kernels() const;
    bool use_kernels(const Kernels& kernels);

    // Tells `observer` of every phase until the next `create`; nullptr for none.
    void observe(PhaseObserver* observer);

  private:
    [[nodiscard]] const ModelState& state() const;

    ModelState* state_ = nullptr;
    Team alone_;  // for a model that is given no team
};

// Tests the arithmetic of every instruction set that this processor has.
[[nodiscard]] SelfTest run_self_test();

}  // namespace ugpt::engine

// The forward pass of one token.
#include "engine/infer/state.h"
#include "engine/numeric/bits.h"
#include "engine/numeric/random.h"
#include "engine/sampling/sampler.h"

namespace ugpt::engine::infer {

namespace {

const State kNoModel;

void enter(const State& state, Phase phase) {
    if (state.observer != nullptr) {
        state.observer->enter(phase);
    }
}

// A matrix and where its product goes.
struct Job {
    const Tensor* w;
    float* out;
};

// Parts of about as much work as a helper is worth waking for: each core gets several, so that
// neither waits long for the other.
constexpr std::size_t kPartsOfAJob = 8;

// The products of up to three matrices with the same input, shared by the team.
void multiply(const State& state, const Input& x, std::initializer_list<Job> jobs, bool add) {
    std::size_t blocks = 0;
    for (const Job& job : jobs) {
        blocks += blocks_of(job.w->rows);
    }
    const std::size_t most = state.team->divides() ? kPartsOfAJob : 1;
    const std::size_t size = (blocks + most - 1) / most;
    const auto parts = static_cast<std::uint32_t>((blocks + size - 1) / size);
    state.team->share(parts, [&](std::uint32_t part, std::uint32_t /*core*/) {
        // The blocks of all matrices are counted through; a part may lie in several of them.
        std::size_t begin = part * size;
        std::size_t left = begin + size < blocks ? size : blocks - begin;
        for (const Job& job : jobs) {
            const std::size_t own = blocks_of(job.w->rows);
            if (begin < own && left > 0) {
                const std::size_t count = left < own - begin ? left : own - begin;
                state.kernels->product(*job.w, x, job.out, {begin, count}, add);
                left -= count;
                begin = own;
            }
            begin -= own;
        }
    });
}

// Makes the integers of an input if one of the matrices needs them.
void prepare(const State& state, Input& input, std::size_t width,
             std::initializer_list<const Tensor*> matrices) {
    for (const Tensor* matrix : matrices) {
        if (matrix->format == Format::q8) {
            state.kernels->quantise(input, width);
            return;
        }
    }
}

// residual = the embedding of a token
void embed(const State& state, Token token) {
    const Tensor& w = state.weights.tensors[0];
    const std::size_t row = token;
    if (w.format == Format::f32) {
        const auto* values = reinterpret_cast<const float*>(w.data) +
                             row / kBlockRows * kBlockRows * w.cols + row % kBlockRows;
        for (std::size_t i = 0; i < w.cols; ++i) {
            state.residual[i] = values[i * kBlockRows];
        }
        return;
    }
    const auto* scales = reinterpret_cast<const float*>(w.data);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(scales + groups_of(w.cols) * w.rows) +
                        row * q8_stride(w.cols);
    for (std::size_t i = 0; i < w.cols; ++i) {
        const float scale = scales[i / kGroupColumns * w.rows + row];
        state.residual[i] = static_cast<float>(bytes[i] - kWeightBias) * scale;
    }
}

void normalise(const State& state, const Tensor& gains) {
    state.kernels->norm(state.residual, reinterpret_cast<const float*>(gains.data),
                        state.weights.norm_epsilon, state.input.values, gains.cols);
}

// residual = residual + wo attention(wq y, wk y, wv y) with y = norm(residual)
void attention(State& state, std::uint32_t layer, std::uint32_t position) {
    const Shape& shape = state.weights.shape;
    const Tensor& wq = state.tensor(layer, LayerTensor::wq);
    const Tensor& wk = state.tensor(layer, LayerTensor::wk);
    const Tensor& wv = state.tensor(layer, LayerTensor::wv);
    const Tensor& wo = state.tensor(layer, LayerTensor::wo);
    normalise(state, state.tensor(layer, LayerTensor::attention_norm));
    prepare(state, state.input, shape.n_embd, {&wq, &wk, &wv});
    multiply(state, state.input, {{&wq, state.queries}, {&wk, state.keys}, {&wv, state.values}},
             false);
    const std::size_t pairs = shape.head_dim() / 2;
    state.kernels->rotate(state.queries, shape.n_head, state.rotations, pairs);
    state.kernels->rotate(state.keys, shape.n_kv_head, state.rotations, pairs);
    const LayerCache& layer_cache = state.caches[layer];
    const std::size_t width = shape.kv_dim();
    layer_cache.key_units[position] =
        state.kernels->cache(state.keys, width, layer_cache.keys + position, state.stride);
    layer_cache.value_units[position] =
        state.kernels->cache(state.values, width, layer_cache.values + position * width, 1);

    const Attention attention{.queries = state.queries,
                              .keys = layer_cache.keys,
                              .key_units = layer_cache.key_units,
                              .values = layer_cache.values,
                              .value_units = layer_cache.value_units,
                              .weights = state.attention_weights,
                              .out = state.mixed.values,
                              .positions = position + 1,
                              .stride = state.stride,
                              .head_dim = shape.head_dim(),
                              .kv_dim = width,
                              .heads_per_kv_head = shape.n_head / shape.n_kv_head,
                              .score_scale = state.score_scale};
    const std::uint32_t together = attention.heads_per_kv_head % 2 == 0 ? 2 : 1;
    state.team->share(shape.n_head / together, [&](std::uint32_t part, std::uint32_t /*core*/) {
        state.kernels->attend(attention, part * together, together);
    });
    prepare(state, state.mixed, shape.n_embd, {&wo});
    multiply(state, state.mixed, {{&wo, state.residual}}, true);
}

// residual = residual + w2 (silu(w1 y) w3 y) with y = norm(residual)
void mlp(State& state, std::uint32_t layer) {
    const Shape& shape = state.weights.shape;
    const Tensor& w1 = state.tensor(layer, LayerTensor::w1);
    const Tensor& w2 = state.tensor(layer, LayerTensor::w2);
    const Tensor& w3 = state.tensor(layer, LayerTensor::w3);
    normalise(state, state.tensor(layer, LayerTensor::mlp_norm));
    prepare(state, state.input, shape.n_embd, {&w1, &w3});
    multiply(state, state.input, {{&w1, state.hidden.values}, {&w3, state.up}}, false);
    state.kernels->swiglu(state.hidden.values, state.up, {0, blocks_of(shape.n_hidden)});
    prepare(state, state.hidden, shape.n_hidden, {&w2});
    multiply(state, state.hidden, {{&w2, state.residual}}, true);
}

std::optional<Token> picked(const State& state, const Choice& choice) {
    const std::size_t count = state.weights.shape.vocab_size;
    const Logits logits{state.logits, 1, count};
    for (std::size_t i = 0; i < count; ++i) {
        if (!is_finite(logits[i])) {
            return std::nullopt;
        }
    }
    const Sampler sampler({choice.temperature, choice.top_k, choice.top_p});
    return static_cast<Token>(sampler.draw(logits, choice.uniform));
}

}  // namespace

float uniform_of(std::uint64_t seed, std::uint32_t drawn) {
    return random_uniform(seed, 0, drawn);
}

const Shape& LanguageModel::shape() const {
    return (empty() ? kNoModel : *state_).weights.shape;
}

std::uint32_t LanguageModel::context() const {
    return (empty() ? kNoModel : *state_).context;
}

std::span<const float> LanguageModel::forward(Token token, std::uint32_t position) {
    State& state = *state_;
    const Shape& shape = state.weights.shape;
    state.team->begin();
    enter(state, Phase::embedding);
    embed(state, token);
    state.kernels->turn(state.weights.rope_steps, position, state.rotations);
    for (std::uint32_t layer = 0; layer < shape.n_layer; ++layer) {
        enter(state, Phase::attention);
        attention(state, layer, position);
        enter(state, Phase::mlp);
        mlp(state, layer);
    }
    enter(state, Phase::loss);
    const Tensor& classifier = state.weights.tensors[classifier_tensor(shape)];
    normalise(state, state.weights.tensors[final_norm_tensor(shape)]);
    prepare(state, state.input, shape.n_embd, {&classifier});
    multiply(state, state.input, {{&classifier, state.logits}}, false);
    enter(state, Phase::outside);
    state.team->end();
    return {state.logits, shape.vocab_size};
}

std::optional<Token> LanguageModel::pick(const Choice& choice) {
    enter(*state_, Phase::choice);
    const std::optional<Token> token = picked(*state_, choice);
    enter(*state_, Phase::outside);
    return token;
}

const Kernels& LanguageModel::kernels() const {
    return *state_->kernels;
}

void LanguageModel::use_kernels(const Kernels& kernels) {
    state_->kernels = &kernels;
}

void LanguageModel::observe(PhaseObserver* observer) {
    if (!empty()) {
        state_->observer = observer;
    }
}

}  // namespace ugpt::engine::infer

// Shapes, tensors, and the memory of a model.
#include <new>

#include "engine/infer/state.h"
#include "engine/numeric/math.h"

namespace ugpt::engine::infer {

namespace {

constexpr std::uint32_t kMostPerDimension = 0xffff;

// Takes parts from the arena and counts what they cost.
class Builder {
  public:
    Builder(Arena& arena, const Shape& shape, std::uint32_t context)
        : arena_(arena), shape_(shape), stride_(round_up(context, kPadding)) {}

    Plan lay_out(State& state) {
        state.stride = static_cast<std::size_t>(stride_);
        state.caches = take<LayerCache>(shape_.n_layer, plan_.activations_bytes);
        for (std::uint32_t l = 0; l < shape_.n_layer; ++l) {
            const LayerCache cache = lay_out_cache();
            if (state.caches != nullptr) state.caches[l] = cache;
        }
        state.residual = activations(shape_.n_embd);
        state.input = input(shape_.n_embd);
        state.queries = activations(shape_.n_embd);
        state.keys = activations(shape_.kv_dim());
        state.values = activations(shape_.kv_dim());
        state.attention_weights = activations(shape_.n_head * stride_);
        state.mixed = input(shape_.n_embd);
        state.hidden = input(shape_.n_hidden);
        state.up = activations(shape_.n_hidden);
        state.logits = activations(shape_.vocab_size);
        state.rotations = take<Rotation>(shape_.head_dim() / 2, plan_.activations_bytes);
        plan_.missing_bytes = arena_.missing_bytes();
        return plan_;
    }

    State* take_state() { return take<State>(1, plan_.activations_bytes); }

  private:
    // `count` zeros; nullptr while measuring, or if they do not fit.
    template <typename T>
    T* take(std::uint64_t count, std::uint64_t& bytes) {
        bytes += round_up(count * sizeof(T), Arena::kAlignment);
        return arena_.take_array<T>(count).data();
    }
    float* activations(std::uint64_t count) {
        return take<float>(round_up(count, kPadding), plan_.activations_bytes);
    }
    Input input(std::uint32_t width) {
        Input input;
        input.values = activations(width);
        input.shorts = take<std::int16_t>(round_up(width, kPadding), plan_.activations_bytes);
        input.group_sums = take<std::int32_t>(groups_of(width), plan_.activations_bytes);
        return input;
    }
    // Each layer's keys and values by themselves, so that they fill what is left of a block.
    LayerCache lay_out_cache() {
        const std::uint64_t size = shape_.kv_dim() * stride_;
        LayerCache cache;
        cache.keys = take<std::int16_t>(size, plan_.cache_bytes);
        cache.key_units = take<float>(stride_, plan_.cache_bytes);
        cache.values = take<std::int16_t>(size, plan_.cache_bytes);
        cache.value_units = take<float>(stride_, plan_.cache_bytes);
        return cache;
    }

    Arena& arena_;
    const Shape& shape_;
    std::uint64_t stride_;
    Plan plan_;
};

bool suits(const Tensor& tensor, const TensorSpec& spec) {
    return tensor.rows == spec.rows && tensor.cols == spec.cols && tensor.data != nullptr &&
           (tensor.format == Format::vector) == spec.is_norm &&
           !(tensor.words_only && tensor.format != Format::q8);
}

bool suit(const Weights& weights) {
    const Shape& shape = weights.shape;
    if (!shape.valid() || weights.tensors.size() != shape.tensor_count() ||
        weights.rope_steps.size() != shape.head_dim() / 2)
        return false;
    for (std::uint32_t i = 0; i < weights.tensors.size(); ++i)
        if (!suits(weights.tensors[i], spec_of(shape, i))) return false;
    return !weights.tensors[0].words_only;  // rows of the embedding are read by themselves
}

}  // namespace

bool Shape::valid() const {
    for (const std::uint32_t size :
         {n_layer, n_embd, n_head, n_kv_head, n_hidden, vocab_size, context})
        if (size == 0 || size > kMostPerDimension) return false;
    return vocab_size > 1 && n_embd % n_head == 0 && n_head % n_kv_head == 0 && head_dim() % 2 == 0;
}

std::uint32_t Shape::tensor_count() const {
    return final_norm_tensor(*this) + (tied_classifier ? 1 : 2);
}

TensorSpec spec_of(const Shape& shape, std::uint32_t index) {
    const TensorSpec norm{1, shape.n_embd, true};
    if (index == 0 || index > final_norm_tensor(shape)) return {shape.vocab_size, shape.n_embd};
    if (index == final_norm_tensor(shape)) return norm;
    switch (static_cast<LayerTensor>((index - 1) % kLayerTensors)) {
        case LayerTensor::attention_norm:
        case LayerTensor::mlp_norm:
            return norm;
        case LayerTensor::wq:
        case LayerTensor::wo:
            return {shape.n_embd, shape.n_embd};
        case LayerTensor::wk:
        case LayerTensor::wv:
            return {shape.kv_dim(), shape.n_embd};
        case LayerTensor::w1:
        case LayerTensor::w3:
            return {shape.n_hidden, shape.n_embd};
        case LayerTensor::w2:
            return {shape.n_embd, shape.n_hidden};
    }
    return {};
}

std::uint64_t TensorSpec::size_bytes(Format format) const {
    switch (format) {
        case Format::vector:
            return round_up(cols, kPadding) * sizeof(float);
        case Format::f32:
            return std::uint64_t{blocks_of(rows)} * kBlockRows * cols * sizeof(float);
        case Format::q8:
            break;
    }
    // Behind the last row as many bytes as a vector can reach.
    constexpr std::uint64_t kBehind = 12;
    return round_up(std::uint64_t{groups_of(cols)} * rows * sizeof(float) +
                        std::uint64_t{rows} * q8_stride(cols) + kBehind,
                    kTensorAlignment);
}

std::uint64_t Tensor::size_bytes() const {
    return TensorSpec{rows, cols, format == Format::vector}.size_bytes(format);
}

Plan LanguageModel::plan(const Shape& shape, std::uint32_t context, Arena& arena) {
    State state;
    Builder builder(arena, shape, context);
    static_cast<void>(builder.take_state());
    return builder.lay_out(state);
}

bool LanguageModel::create(const Weights& weights, std::uint32_t context, Arena& arena,
                           Team* team) {
    state_ = nullptr;
    if (!suit(weights) || context == 0 || context > weights.shape.context) return false;
    Builder builder(arena, weights.shape, context);
    State* state = builder.take_state();
    State unused;
    const Plan plan = builder.lay_out(state == nullptr ? unused : *state);
    if (state == nullptr || !plan.fits()) return false;
    state->weights = weights;
    state->context = context;
    state->kernels = available_kernels().sets[0];
    state->team = team == nullptr ? &alone_ : team;
    state->score_scale = inverse_root<ScalarLanes>(static_cast<float>(weights.shape.head_dim()));
    state_ = state;
    return true;
}

}  // namespace ugpt::engine::infer

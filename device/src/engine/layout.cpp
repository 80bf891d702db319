#include "engine/layout.h"

#include <cstring>

#include "engine/math.h"

namespace ugpt::engine {

namespace {

// Sizes of absurd shapes end here instead of wrapping round.
constexpr std::uint64_t kMostBytes = 0x7fffffffu;

std::size_t saturating_add(std::size_t a, std::uint64_t b) {
    const std::uint64_t sum = a + b;
    return static_cast<std::size_t>(sum < kMostBytes ? sum : kMostBytes);
}

// Takes parts from the arena and writes down what they cost.
class Builder {
  public:
    explicit Builder(Arena& arena) : arena_(arena) {}

    template <typename T = float>
    T* take(std::uint64_t count, std::size_t& bytes) {
        const std::uint64_t wanted = count * sizeof(T);
        const auto size = static_cast<std::size_t>(wanted < kMostBytes ? wanted : kMostBytes);
        bytes = saturating_add(bytes, round_up(size, Arena::kAlignment));
        std::byte* part = arena_.take(size);
        if (part != nullptr) {
            std::memset(part, 0, size);
        }
        return reinterpret_cast<T*>(part);
    }

    Matrix matrix(std::size_t rows, std::size_t cols) {
        const std::uint64_t count = std::uint64_t{rows} * cols;
        plan.parameters = saturating_add(plan.parameters, count);
        Matrix matrix{.rows = rows, .cols = cols};
        matrix.weights = take(count, plan.weights_bytes);
        matrix.first_moment = take(count, plan.moments_bytes);
        matrix.second_moment = take(count, plan.moments_bytes);
        return matrix;
    }

    float* activation(std::uint64_t count) { return take(count, plan.activations_bytes); }
    float* gradient(std::uint64_t count) { return take(count, plan.gradients_bytes); }

    Plan plan;

  private:
    Arena& arena_;
};

// The larger parts come first, so that the smaller ones fill what is left of a block.
Layer build_layer(Builder& build, const Shape& shape, std::size_t stride) {
    const std::size_t width = shape.n_embd;
    const std::uint64_t feature = stride;
    Layer layer;
    layer.fc1 = build.matrix(4 * width, width);
    layer.fc2 = build.matrix(width, 4 * width);
    layer.qkv = build.matrix(3 * width, width);
    layer.wo = build.matrix(width, width);
    layer.hidden = build.activation(4 * width * feature);
    layer.attention =
        build.activation(std::uint64_t{shape.n_head} * shape.block_size * stride);
    layer.heads = build.activation(3 * width * feature);
    layer.attention_input = build.activation(width * feature);
    layer.mixed = build.activation(width * feature);
    layer.mlp_input = build.activation(width * feature);
    layer.attention_scale = build.activation(feature);
    layer.mlp_scale = build.activation(feature);
    return layer;
}

void build_network(Builder& build, Network& net) {
    const Shape& shape = net.shape;
    const std::size_t width = shape.n_embd;
    const std::uint64_t feature = net.stride;

    auto* layers = build.take<Layer>(shape.n_layer, build.plan.activations_bytes);
    for (std::uint32_t i = 0; i < shape.n_layer && build.plan.parameters < kMostBytes; ++i) {
        const Layer layer = build_layer(build, shape, net.stride);
        if (layers != nullptr) {
            layers[i] = layer;
        }
    }
    net.layers = {layers, layers == nullptr ? 0 : shape.n_layer};
    net.wte = build.matrix(shape.vocab_size, width);
    net.lm_head = build.matrix(shape.vocab_size, width);
    net.wpe = build.matrix(shape.block_size, width);

    net.logits = build.activation(shape.vocab_size * feature);
    net.stream = build.activation(width * feature);
    net.embedded = build.activation(width * feature);
    net.embedded_scale = build.activation(feature);
    net.maxima = build.activation(feature);
    net.sums = build.activation(feature);
    net.losses = build.activation(feature);

    net.columns = build.gradient(std::uint64_t{shape.block_size} *
                                     (4 * width > net.stride ? 4 * width : net.stride) +
                                 kVectorSlack);
    net.weight_gradient = build.gradient(weight_gradient_size(width) + kVectorSlack);
    net.stream_gradient = build.gradient(width * feature);
    net.input_gradient = build.gradient(width * feature);
    net.score_gradient = build.gradient(std::uint64_t{shape.block_size} * net.stride);
}

Parameter view(const Matrix& matrix, std::size_t first_row, std::size_t rows) {
    const std::size_t offset = first_row * matrix.cols;
    const std::size_t count = rows * matrix.cols;
    Parameter parameter;
    parameter.rows = static_cast<std::uint32_t>(rows);
    parameter.cols = static_cast<std::uint32_t>(matrix.cols);
    parameter.weights = {matrix.weights + offset, count};
    parameter.first_moment = {matrix.first_moment + offset, count};
    parameter.second_moment = {matrix.second_moment + offset, count};
    return parameter;
}

void list_parameters(const Network& net, Parameter* next) {
    const std::size_t width = net.shape.n_embd;
    *next++ = view(net.wte, 0, net.wte.rows);
    *next++ = view(net.wpe, 0, net.wpe.rows);
    *next++ = view(net.lm_head, 0, net.lm_head.rows);
    for (const Layer& layer : net.layers) {
        *next++ = view(layer.qkv, 0, width);
        *next++ = view(layer.qkv, width, width);
        *next++ = view(layer.qkv, 2 * width, width);
        *next++ = view(layer.wo, 0, width);
        *next++ = view(layer.fc1, 0, 4 * width);
        *next++ = view(layer.fc2, 0, width);
    }
}

}  // namespace

Layout lay_out(const Shape& shape, Arena& arena) {
    Layout layout;
    Network& net = layout.network;
    net.shape = shape;
    net.stride = round_up(shape.block_size, kPositionMultiple);
    net.inverse_width = reciprocal<ScalarLanes>(static_cast<float>(shape.n_embd));
    net.attention_scale = inverse_root<ScalarLanes>(static_cast<float>(shape.head_dim()));

    const std::size_t missing_before = arena.missing_bytes();
    Builder build(arena);
    const std::uint64_t matrices = 3 + 6 * std::uint64_t{shape.n_layer};
    auto* parameters = build.take<Parameter>(matrices, build.plan.activations_bytes);
    build_network(build, net);

    Plan& plan = build.plan;
    plan.total_bytes = saturating_add(plan.weights_bytes, plan.moments_bytes);
    plan.total_bytes = saturating_add(plan.total_bytes, plan.gradients_bytes);
    plan.total_bytes = saturating_add(plan.total_bytes, plan.activations_bytes);
    plan.missing_bytes = arena.missing_bytes() - missing_before;
    if (plan.fits() && parameters != nullptr) {
        list_parameters(net, parameters);
        layout.parameters = {parameters, static_cast<std::size_t>(matrices)};
    }
    layout.plan = plan;
    return layout;
}

}  // namespace ugpt::engine

#include "engine/train/layout.h"

#include <algorithm>
#include <cstring>

#include "engine/numeric/math.h"
#include "engine/train/model_state.h"
#include "engine/train/moments.h"

namespace ugpt::engine {

namespace {

// Takes parts from the arena and writes down what they cost.
class Builder {
  public:
    Builder(const Recipe& recipe, Arena& arena) : recipe_(recipe), arena_(arena) {}

    template <typename T = float>
    T* take(std::uint64_t count, std::uint64_t& bytes) {
        const std::uint64_t size = count * sizeof(T);
        bytes += (size + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment;
        std::byte* part = arena_.take(size);
        if (part != nullptr) {
            std::memset(part, 0, static_cast<std::size_t>(size));
        }
        return reinterpret_cast<T*>(part);
    }

    float* weights(std::uint64_t count) {
        plan.parameters += count;
        return take(count, plan.weights_bytes);
    }

    // What a matrix has besides its weights.
    Matrix matrix(float* weights, std::uint64_t rows, std::uint64_t cols) {
        const std::uint64_t count = rows * cols;
        const std::uint64_t words = moment_words(recipe_.moments, count);
        Matrix matrix{.weights = weights,
                      .rows = static_cast<std::size_t>(rows),
                      .cols = static_cast<std::size_t>(cols)};
        matrix.first_moment = take<std::uint32_t>(words, plan.moments_bytes);
        matrix.second_moment = take<std::uint32_t>(words, plan.moments_bytes);
        if (keeps_gradients(recipe_)) {
            matrix.gradient = gradient(count);
        }
        return matrix;
    }
    Matrix matrix(std::uint64_t rows, std::uint64_t cols) {
        return matrix(weights(rows * cols), rows, cols);
    }

    float* activation(std::uint64_t count) { return take(count, plan.activations_bytes); }
    float* gradient(std::uint64_t count) { return take(count, plan.gradients_bytes); }

    Plan plan;

  private:
    const Recipe& recipe_;
    Arena& arena_;
};

void build_activations(Builder& build, const Network& net, Layer& layer) {
    const std::uint64_t width = net.shape.n_embd;
    const std::uint64_t feature = net.stride;
    layer.hidden = build.activation(4 * width * feature);
    layer.attention = build.activation(std::uint64_t{net.shape.n_head} * net.shape.block_size *
                                       feature);
    layer.heads = build.activation(3 * width * feature);
    layer.attention_input = build.activation(width * feature);
    layer.mixed = build.activation(width * feature);
    layer.mlp_input = build.activation(width * feature);
    layer.attention_scale = build.activation(feature);
    layer.mlp_scale = build.activation(feature);
}

// The larger parts come first, so that the smaller ones fill what is left of a block.
void build_parameters(Builder& build, const Network& net, Layer& layer) {
    const std::uint64_t width = net.shape.n_embd;
    const std::uint64_t square = width * width;
    layer.fc1 = build.matrix(4 * width, width);
    layer.fc2 = build.matrix(width, 4 * width);
    float* stacked = build.weights(3 * square);
    const auto part = [&](std::uint64_t i) {
        return build.matrix(stacked == nullptr ? nullptr : stacked + i * square, width, width);
    };
    layer.wq = part(0);
    layer.wk = part(1);
    layer.wv = part(2);
    layer.qkv = {.weights = stacked,
                 .rows = static_cast<std::size_t>(3 * width),
                 .cols = static_cast<std::size_t>(width)};
    layer.wo = build.matrix(width, width);
}

void build_layers(Builder& build, Network& net) {
    const std::uint32_t count = net.shape.n_layer;
    auto* layers = build.take<Layer>(count, build.plan.activations_bytes);
    Layer shared;
    if (net.recompute) {
        build_activations(build, net, shared);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        Layer layer = shared;
        build_parameters(build, net, layer);
        if (net.recompute) {
            layer.input = build.activation(std::uint64_t{net.shape.n_embd} * net.stride);
        } else {
            build_activations(build, net, layer);
        }
        if (layers != nullptr) {
            layers[i] = layer;
        }
    }
    net.layers = {layers, layers == nullptr ? 0 : count};
}

void build_network(Builder& build, Network& net) {
    const Shape& shape = net.shape;
    const std::uint64_t width = shape.n_embd;
    const std::uint64_t feature = net.stride;
    build_layers(build, net);
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

    // Nothing needs the stream once the gradient has passed lm_head, nor rows of a weight gradient
    // while attention is under way.
    net.input_gradient = net.stream;
    net.columns = build.gradient(feature * std::max<std::uint64_t>(4 * width, shape.block_size) +
                                 kVectorSlack);
    const std::size_t narrow = rows_at_once(net.moments, shape.n_embd) * shape.n_embd;
    const std::size_t wide = rows_at_once(net.moments, 4 * shape.n_embd) * 4 * shape.n_embd;
    const std::uint64_t rows = std::max(narrow, wide) + kVectorSlack;
    net.weight_gradient = build.gradient(std::max(rows, shape.block_size * feature));
    net.score_gradient = net.weight_gradient;
    net.stream_gradient = build.gradient(width * feature);
}

// Shapes beyond these are taken to have as many layers, or as wide ones: they fit nowhere, and
// their bytes stay below 2^63.
Shape bounded(Shape shape) {
    constexpr std::uint32_t kMost = 65536;
    shape.n_layer = std::min(shape.n_layer, kMost);
    shape.n_embd = std::min(shape.n_embd, kMost);
    shape.n_head = std::min(shape.n_head, kMost);
    shape.block_size = std::min(shape.block_size, kMost);
    shape.vocab_size = std::min(shape.vocab_size, kMost);
    return shape;
}

}  // namespace

Layout lay_out(const Shape& asked, const Recipe& recipe, Arena& arena) {
    const Shape shape = bounded(asked);
    const std::uint64_t missing_before = arena.missing_bytes();
    Builder build(recipe, arena);
    auto* state = build.take<ModelState>(1, build.plan.activations_bytes);

    Network net;
    net.shape = shape;
    net.stride = round_up(shape.block_size, kPositionMultiple);
    net.inverse_width = reciprocal<ScalarLanes>(static_cast<float>(shape.n_embd));
    net.attention_scale = inverse_root<ScalarLanes>(static_cast<float>(shape.head_dim()));
    net.moments = recipe.moments;
    net.recompute = recipe.recompute && shape.n_layer > 1;
    build_network(build, net);

    Plan& plan = build.plan;
    plan.total_bytes = plan.weights_bytes + plan.moments_bytes + plan.gradients_bytes +
                       plan.activations_bytes;
    plan.missing_bytes = arena.missing_bytes() - missing_before;
    if (state == nullptr || !plan.fits()) {
        return {nullptr, plan};
    }
    state->recipe = recipe;
    state->network = net;
    state->kernels = &best_kernels(net.stride);
    return {state, plan};
}

}  // namespace ugpt::engine

#include "engine/train/layout.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "engine/numeric/math.h"
#include "engine/train/model_state.h"
#include "engine/train/parts.h"

namespace ugpt::engine {

namespace {

// Into how many pieces work is cut that is worth so many: one for each core, or two if they are
// large, so that a core that is held up leaves the other more to do. Two small ones would cost more
// than they gain: tiles at their edges are narrower.
std::uint64_t pieces_of_work(const Sizes& sizes, std::uint64_t worth) {
    constexpr std::uint64_t kLarge = 8;
    const std::uint64_t most = 2 * sizes.cores;
    return worth >= most * kLarge ? most : std::clamp<std::uint64_t>(worth, 1, sizes.cores);
}

// Rows of a product with `depth` terms an element that make a piece. A piece is worth its hand-over
// if it takes ten times as long (docs/performance.md); documents fill half of the context on
// average.
std::uint16_t rows_of_piece(const Sizes& sizes, std::uint64_t rows, std::uint64_t depth) {
    constexpr std::uint64_t kLeastMultiplyAdds = 1000;
    const std::uint64_t pieces =
        pieces_of_work(sizes, rows * depth * sizes.T / 2 / kLeastMultiplyAdds);
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint16_t>::max();
    return static_cast<std::uint16_t>(std::min((rows + pieces - 1) / pieces, kMost));
}

// Rows of a matrix whose gradient is computed and applied in a piece. Two cores never write to the
// same word.
std::size_t rows_of_update(const Sizes& sizes, std::size_t rows, std::size_t cols) {
    constexpr std::size_t kLeastWeights = 100;
    const std::size_t together = values_in_words(sizes.moments);
    const std::size_t unit = together / std::gcd(together, cols);
    const auto pieces =
        static_cast<std::size_t>(pieces_of_work(sizes, std::uint64_t{rows} * cols / kLeastWeights));
    return std::min(round_up((rows + pieces - 1) / pieces, unit), rows);
}

Division division_of(const Sizes& sizes, std::size_t rows, std::size_t cols) {
    return {.forward = rows_of_piece(sizes, rows, cols),
            .backward = rows_of_piece(sizes, cols, rows),
            .update = static_cast<std::uint16_t>(rows_of_update(sizes, rows, cols)),
            .lone_update = static_cast<std::uint16_t>(rows_at_once(sizes.moments, cols))};
}

// Takes parts from the arena and counts what they cost.
class Builder {
  public:
    Builder(const Recipe& recipe, const Sizes& sizes, Arena& arena)
        : recipe_(recipe), sizes_(sizes), arena_(arena) {}

    // `count` zeros; nullptr while measuring, or if they do not fit.
    template <typename T>
    T* take(std::uint64_t count, std::uint64_t& bytes) {
        bytes += aligned(count * sizeof(T));
        return arena_.take_array<T>(count).data();
    }

    // Puts every matrix of `parts` into its place in `owner`, in the order given.
    template <class Owner, std::size_t kCount>
    void place(const std::array<MatrixPart<Owner>, kCount>& parts,
               const std::array<std::size_t, kCount>& order, Owner& owner) {
        float* weights = nullptr;
        for (const std::size_t i : order) {
            const MatrixPart<Owner>& part = parts[i];
            const std::uint64_t rows = part.rows(sizes_);
            const std::uint64_t cols = part.cols(sizes_);
            if (part.stack > 0) {
                plan.parameters += part.stack * rows * cols;
                weights = take<float>(part.stack * rows * cols, bytes_of(Lifetime::model));
            }
            owner.*part.place = matrix(rows, cols, weights);
            weights = weights == nullptr ? nullptr : weights + rows * cols;
        }
    }

    // Puts the packed moments of every matrix of `parts` into their place in `owner`, which is
    // nullptr while measuring.
    template <class Owner, std::size_t kCount>
    void place_packed_moments(const std::array<MatrixPart<Owner>, kCount>& parts,
                              const std::array<std::size_t, kCount>& order, Owner* owner) {
        for (const std::size_t i : order) {
            const MatrixPart<Owner>& part = parts[i];
            const std::uint64_t count = part.rows(sizes_) * part.cols(sizes_);
            const Words first = packed_moments(count);
            const Words second = packed_moments(count);
            if (owner != nullptr) {
                (owner->*part.place).first_moment.words = first;
                (owner->*part.place).second_moment.words = second;
            }
        }
    }

    // Puts every buffer of `parts` into its place in `owner`.
    template <class Owner, std::size_t kCount>
    void place(const std::array<BufferPart<Owner>, kCount>& parts, Owner& owner) {
        for (const BufferPart<Owner>& part : parts) {
            if (part.shares != nullptr) {
                owner.*part.place = owner.*part.shares;
                continue;
            }
            std::uint64_t count = part.count(sizes_);
            for (const BufferPart<Owner>& other : parts) {
                if (other.shares == part.place) {
                    count = std::max(count, other.count(sizes_));
                }
            }
            owner.*part.place = take<float>(count, bytes_of(part.lifetime));
        }
    }

    void skip_to_cache_line() { plan.activations_bytes += arena_.skip_to_cache_line(); }

    [[nodiscard]] const Sizes& sizes() const { return sizes_; }

    Plan plan;

  private:
    Matrix matrix(std::uint64_t rows, std::uint64_t cols, float* weights) {
        Matrix matrix;
        matrix.weights = weights;
        matrix.rows = static_cast<std::size_t>(rows);
        matrix.cols = static_cast<std::size_t>(cols);
        matrix.division = division_of(sizes_, matrix.rows, matrix.cols);
        if (recipe_.moments == MomentFormat::f32) {
            matrix.first_moment.values = take_moments(rows * cols);
            matrix.second_moment.values = take_moments(rows * cols);
        }
        if (accumulates_gradients(recipe_)) {
            matrix.gradient = take<float>(rows * cols, bytes_of(Lifetime::step));
        }
        return matrix;
    }

    float* take_moments(std::uint64_t count) {
        plan.moment_words += count;
        return take<float>(count, plan.moments_bytes);
    }

    Words packed_moments(std::uint64_t count) {
        const std::uint64_t words = moment_words(recipe_.moments, count);
        plan.moment_words += words;
        plan.moments_bytes += aligned(words * sizeof(std::uint32_t));
        return arena_.take_words(words);
    }

    static std::uint64_t aligned(std::uint64_t size) {
        return (size + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment;
    }

    std::uint64_t& bytes_of(Lifetime lifetime) {
        switch (lifetime) {
            case Lifetime::model:
                return plan.weights_bytes;
            case Lifetime::document:
                return plan.activations_bytes;
            case Lifetime::step:
            case Lifetime::backward:
                break;
        }
        return plan.gradients_bytes;
    }

    const Recipe& recipe_;
    const Sizes& sizes_;
    Arena& arena_;
};

void build_layers(Builder& build, Network& net) {
    const std::uint32_t count = net.shape.n_layer;
    Layer* layers = build.take<Layer>(count, build.plan.activations_bytes);
    // The matrices of the standard model, and most buffers, are whole cache lines.
    build.skip_to_cache_line();
    Layer shared;
    if (net.activation_checkpointing) {
        build.place(kLayerActivations, shared);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        Layer layer = shared;
        build.place(kLayerMatrices, kLayerMatrixOrder, layer);
        layer.wqkv.weights = layer.wq.weights;
        layer.wqkv.rows = 3 * layer.wq.rows;
        layer.wqkv.cols = layer.wq.cols;
        layer.wqkv.division = division_of(build.sizes(), layer.wqkv.rows, layer.wqkv.cols);
        if (net.activation_checkpointing) {
            build.place(kLayerInput, layer);
        } else {
            build.place(kLayerActivations, layer);
        }
        if (layers != nullptr) {
            layers[i] = layer;
        }
    }
    net.layers = {layers, layers == nullptr ? 0 : count};
}

// Packed moments come last: they fill what all else has left of the blocks, and what is left of
// them then lies in the memory for whole words.
void place_packed_moments(Builder& build, Network& net) {
    for (std::uint32_t i = 0; i < net.shape.n_layer; ++i) {
        Layer* layer = net.layers.empty() ? nullptr : &net.layers[i];
        build.place_packed_moments(kLayerMatrices, kLayerMatrixOrder, layer);
    }
    build.place_packed_moments(kModelMatrices, kModelMatrixOrder, &net);
}

// A plan of the largest shape allowed is below 2^63 bytes. Anything larger fits nowhere.
Shape bounded(Shape shape) {
    constexpr std::uint32_t kMost = 1u << 14;
    constexpr std::uint32_t kMostTokens = 1u << 16;
    shape.n_layer = std::min(shape.n_layer, kMost);
    shape.n_embd = std::min(shape.n_embd, kMost);
    shape.n_head = std::min(shape.n_head, kMost);
    shape.block_size = std::min(shape.block_size, kMost);
    shape.vocab_size = std::min(shape.vocab_size, kMostTokens);
    return shape;
}

Network network_of(const Shape& shape, const Recipe& recipe, std::uint32_t cores) {
    Network net;
    net.cores = cores;
    net.shape = shape;
    net.stride = round_up(shape.block_size, kPositionMultiple);
    net.inverse_width = reciprocal<ScalarLanes>(static_cast<float>(shape.n_embd));
    net.score_scale = inverse_root<ScalarLanes>(static_cast<float>(shape.head_dim()));
    net.moments = recipe.moments;
    net.activation_checkpointing = recipe.activation_checkpointing && shape.n_layer > 1;
    return net;
}

}  // namespace

Layout lay_out(const Shape& asked, const Recipe& recipe, Arena& arena, std::uint32_t cores) {
    const std::uint64_t missing_before = arena.missing_bytes();
    const Shape shape = bounded(asked);
    Network net = network_of(shape, recipe, cores);
    const Sizes sizes = sizes_of(net);
    net.weight_grad_size = static_cast<std::size_t>(sizes.weight_grad());
    Builder build(recipe, sizes, arena);
    Plan& plan = build.plan;
    ModelState* state = build.take<ModelState>(1, plan.activations_bytes);
    build_layers(build, net);
    build.place(kModelMatrices, kModelMatrixOrder, net);
    build.place(kModelBuffers, net);
    if (recipe.moments != MomentFormat::f32) {
        place_packed_moments(build, net);
    }

    plan.total_bytes =
        plan.weights_bytes + plan.moments_bytes + plan.gradients_bytes + plan.activations_bytes;
    plan.missing_bytes = arena.missing_bytes() - missing_before;
    if (shape != asked) {
        plan.missing_bytes = std::max(plan.missing_bytes, plan.total_bytes);
    }
    if (state == nullptr || !plan.fits()) {
        return {nullptr, plan};
    }
    state->recipe = recipe;
    state->network = net;
    state->kernels = &best_kernels(net.stride);
    return {state, plan};
}

}  // namespace ugpt::engine

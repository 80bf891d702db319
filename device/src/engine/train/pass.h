// A training step: forward over all positions at once, backward with Adam fused where each
// gradient is born. And the same forward for one position, on which sampling is built.
#pragma once

#include <cstring>

#include "engine/train/attention.h"
#include "engine/train/loss.h"
#include "engine/train/matmul.h"
#include "engine/train/norm.h"
#include "engine/train/transpose.h"
#include "engine/train/update.h"

namespace ugpt::engine {
namespace {

// W x at `count` positions from `first` on. x [cols x S], y [rows x S]
UGPT_LANE Product by_weights(const Network& net, const Matrix& matrix, const float* x, float* y,
                             std::size_t first, std::size_t count) {
    return {.a = matrix.weights,
            .a_stride = matrix.cols,
            .b = x + first,
            .b_stride = net.stride,
            .c = y + first,
            .c_stride = net.stride,
            .rows = matrix.rows,
            .columns = count,
            .depth = matrix.cols};
}

// y = W x, or what `Into` says, at `count` positions from `first` on. x [cols x S], y [rows x S]
template <class Lanes, Into kInto = Into::fresh>
void linear(const Network& net, const Matrix& matrix, const float* x, float* y, std::size_t first,
            std::size_t count) {
    multiply<Lanes, Order::row_major, kInto>(by_weights(net, matrix, x, y, first, count));
}

// dx = W^T dy, or what `Into` says. dy [rows x S], dx and mask [cols x S]
template <class Lanes, Into kInto = Into::fresh>
void linear_backward(const Network& net, const Matrix& matrix, const float* dy, float* dx,
                     std::size_t count, const float* mask = nullptr) {
    multiply<Lanes, Order::transposed, kInto>({.a = matrix.weights,
                                               .a_stride = matrix.cols,
                                               .b = dy,
                                               .b_stride = net.stride,
                                               .c = dx,
                                               .c_stride = net.stride,
                                               .rows = matrix.cols,
                                               .columns = count,
                                               .depth = matrix.rows,
                                               .mask = mask});
}

// Puts x [rows x S] into net.columns, position by position.
template <class Lanes>
void take_columns(const Network& net, const float* x, std::size_t rows, std::size_t count) {
    transpose<Lanes>(x, net.stride, rows, net.columns, rows, count);
}

// dW = dy x^T, used a few rows at a time. dy [rows x S]; x [cols x S], or nullptr where vectors find
// it in net.columns. `phase` is the one the product belongs to.
template <class Lanes>
void linear_update(const Network& net, const Update& update, Phase phase, const Matrix& matrix,
                   const float* dy, const float* x, std::size_t count) {
    constexpr bool kNeedsColumns = Lanes::Single::kWidth > 1;
    if (kNeedsColumns && x != nullptr) {
        take_columns<Lanes>(net, x, matrix.cols, count);
    }
    const std::size_t tile = rows_at_once(net.moments, matrix.cols);
    for (std::size_t row = 0; row < matrix.rows; row += tile) {
        const std::size_t rows = matrix.rows - row < tile ? matrix.rows - row : tile;
        const Product product{.a = dy + row * net.stride,
                              .a_stride = net.stride,
                              .b = kNeedsColumns ? net.columns : x,
                              .b_stride = kNeedsColumns ? matrix.cols : net.stride,
                              .c = net.weight_gradient,
                              .c_stride = matrix.cols,
                              .rows = rows,
                              .columns = matrix.cols,
                              .depth = count};
        if constexpr (kNeedsColumns) {
            multiply<Lanes, Order::row_major>(product);
        } else {
            multiply<Lanes, Order::row_major, Into::fresh, Order::transposed>(product);
        }
        enter(net, Phase::adam);
        use_gradient<Lanes>(net, update, matrix, row, rows, net.weight_gradient);
        enter(net, phase);
    }
}

// Embeds `token` at position t. x [C x S]
UGPT_LANE void embed(const Network& net, Token token, std::size_t t, float* x) {
    const std::size_t width = net.shape.n_embd;
    const float* by_token = net.wte.weights + token * width;
    const float* by_position = net.wpe.weights + t * width;
    x += t;
    for (std::size_t left = width;;) {
        *x = *by_token++ + *by_position++;
        if (--left == 0) {
            break;
        }
        x += net.stride;
    }
}

// Copies `count` positions from `first` on. [C x S]
template <class AnyLanes>
void copy_features(const Network& net, const float* from, float* to, std::size_t first,
                   std::size_t count) {
    using Lanes = typename AnyLanes::Single;
    for (std::size_t t = first; t < first + count; t += Lanes::kWidth) {
        const float* source = from + t;
        float* target = to + t;
        for (std::size_t left = net.shape.n_embd;;) {
            Lanes::store(target, Lanes::load(source));
            if (--left == 0) {
                break;
            }
            source += net.stride;
            target += net.stride;
        }
    }
}

// A layer but for its last product, at `count` positions from `first` on.
template <class Lanes>
void run_layer(const Network& net, const Layer& layer, std::size_t first, std::size_t count) {
    enter(net, Phase::attention);
    rmsnorm<Lanes>(net, net.stream, layer.attention_input, layer.attention_scale, first, count);
    linear<Lanes>(net, layer.qkv, layer.attention_input, layer.heads, first, count);
    attend<Lanes>(net, layer, first, count);
    linear<Lanes, Into::sum>(net, layer.wo, layer.mixed, net.stream, first, count);

    enter(net, Phase::mlp);
    rmsnorm<Lanes>(net, net.stream, layer.mlp_input, layer.mlp_scale, first, count);
    linear<Lanes, Into::relu>(net, layer.fc1, layer.mlp_input, layer.hidden, first, count);
}

// From the normalised embeddings to the logits, at `count` positions from `first` on.
template <class Lanes>
void run_layers(const Network& net, std::size_t first, std::size_t count) {
    copy_features<Lanes>(net, net.embedded, net.stream, first, count);
    for (const Layer& layer : net.layers) {
        if (net.recompute) {
            copy_features<Lanes>(net, net.stream, layer.input, first, count);
        }
        run_layer<Lanes>(net, layer, first, count);
        add_sparse<Lanes>(by_weights(net, layer.fc2, layer.hidden, net.stream, first, count));
    }
    enter(net, Phase::loss);
    linear<Lanes>(net, net.lm_head, net.stream, net.logits, first, count);
}

// Returns the mean loss; net.logits hold its gradient.
template <class Lanes>
float forward(const Network& net, const Document& document) {
    enter(net, Phase::embedding);
    for (std::size_t t = 0; t < document.positions; ++t) {
        embed(net, document.input(t), t, net.embedded);
    }
    rmsnorm<Lanes>(net, net.embedded, net.embedded, net.embedded_scale, 0, document.positions);
    run_layers<Lanes>(net, 0, document.positions);
    return cross_entropy<Lanes>(net, document);
}

// Leaves the logits of what follows `token` at position t in column t of net.logits; the positions
// before must have been decoded. Those in the same vector are computed again, which changes nothing;
// where the layers share their activations, keys and values are gone and all are.
template <class AnyLanes>
void decode(const Network& net, Token token, std::size_t t) {
    using Lanes = typename AnyLanes::Single;
    enter(net, Phase::embedding);
    embed(net, token, t, net.embedded);
    rmsnorm<ScalarLanes>(net, net.embedded, net.embedded, net.embedded_scale, t, 1);
    const std::size_t first = net.recompute ? 0 : t - t % Lanes::kWidth;
    run_layers<Lanes>(net, first, t + 1 - first);
}

// Turns net.stream_gradient behind a layer into the one before it. The gradients of `heads` and
// `mixed` take the place of `hidden`.
template <class Lanes>
void layer_backward(const Network& net, const Update& update, const Layer& layer,
                    std::size_t count) {
    const std::size_t width = net.shape.n_embd;
    float* stream_gradient = net.stream_gradient;
    float* input_gradient = net.input_gradient;

    enter(net, Phase::mlp);
    // Vectors need `hidden` turned round, and its gradient then takes its place; else that takes
    // the place of the turned one.
    constexpr bool kInPlace = Lanes::Single::kWidth > 1;
    float* hidden_gradient = kInPlace ? layer.hidden : net.columns;
    if constexpr (kInPlace) {
        take_columns<Lanes>(net, layer.hidden, 4 * width, count);
    }
    linear_backward<Lanes, Into::relu_gradient>(net, layer.fc2, stream_gradient, hidden_gradient,
                                                count, layer.hidden);
    linear_update<Lanes>(net, update, Phase::mlp, layer.fc2, stream_gradient,
                         kInPlace ? nullptr : layer.hidden, count);
    linear_backward<Lanes>(net, layer.fc1, hidden_gradient, input_gradient, count);
    linear_update<Lanes>(net, update, Phase::mlp, layer.fc1, hidden_gradient, layer.mlp_input,
                         count);
    rmsnorm_backward<Lanes, true>(net, layer.mlp_input, layer.mlp_scale, input_gradient,
                                  stream_gradient, count);

    enter(net, Phase::attention);
    float* heads_gradient = layer.hidden;
    float* mixed_gradient = layer.hidden + 3 * width * net.stride;
    linear_backward<Lanes>(net, layer.wo, stream_gradient, mixed_gradient, count);
    linear_update<Lanes>(net, update, Phase::attention, layer.wo, stream_gradient, layer.mixed,
                         count);
    attend_backward<Lanes>(net, layer, mixed_gradient, heads_gradient, count);
    linear_backward<Lanes>(net, layer.qkv, heads_gradient, input_gradient, count);
    const float* head_gradient = heads_gradient;
    for (const Matrix* matrix : {&layer.wq, &layer.wk, &layer.wv}) {
        linear_update<Lanes>(net, update, Phase::attention, *matrix, head_gradient,
                             layer.attention_input, count);
        head_gradient += width * net.stride;
    }
    rmsnorm_backward<Lanes, true>(net, layer.attention_input, layer.attention_scale,
                                  input_gradient, stream_gradient, count);
}

// Puts the gradient of rows [row, row + rows) of wte into net.weight_gradient: sums over the
// positions of each token, from net.stream_gradient.
UGPT_LANE void token_gradient(const Network& net, const Document& document, std::size_t row,
                              std::size_t rows) {
    const std::size_t width = net.shape.n_embd;
    std::memset(net.weight_gradient, 0, rows * width * sizeof(float));
    for (std::size_t t = 0; t < document.positions; ++t) {
        const std::size_t token = document.input(t);
        if (token >= row && token < row + rows) {
            float* sum = net.weight_gradient + (token - row) * width;
            const float* gradient = net.stream_gradient + t;
            for (std::size_t left = width;;) {
                *sum = *sum + *gradient;
                if (--left == 0) {
                    break;
                }
                ++sum;
                gradient += net.stride;
            }
        }
    }
}

// The same for wpe, which has the gradient of position t in row t.
template <class Lanes>
void position_gradient(const Network& net, const Document& document, std::size_t row,
                       std::size_t rows) {
    const std::size_t width = net.shape.n_embd;
    const std::size_t last = row + rows < document.positions ? row + rows : document.positions;
    const std::size_t used = last > row ? last - row : 0;
    transpose<Lanes>(net.stream_gradient + row, net.stride, width, net.weight_gradient, width,
                     used);
    std::memset(net.weight_gradient + used * width, 0, (rows - used) * width * sizeof(float));
}

// Uses the gradient of both embeddings: that of their sum, net.stream_gradient [C x S].
template <class Lanes>
void embedding_update(const Network& net, const Update& update, const Document& document) {
    const std::size_t tile = rows_at_once(net.moments, net.shape.n_embd);
    for (const Matrix* matrix : {&net.wte, &net.wpe}) {
        for (std::size_t row = 0; row < matrix->rows; row += tile) {
            const std::size_t rows = matrix->rows - row < tile ? matrix->rows - row : tile;
            enter(net, Phase::embedding);
            if (matrix == &net.wte) {
                token_gradient(net, document, row, rows);
            } else {
                position_gradient<Lanes>(net, document, row, rows);
            }
            enter(net, Phase::adam);
            use_gradient<Lanes>(net, update, *matrix, row, rows, net.weight_gradient);
        }
    }
}

// Every gradient, each used as soon as nothing needs the old weights any more.
template <class Lanes>
void backward(const Network& net, const Update& update, const Document& document) {
    const std::size_t count = document.positions;
    enter(net, Phase::loss);
    linear_backward<Lanes>(net, net.lm_head, net.logits, net.stream_gradient, count);
    linear_update<Lanes>(net, update, Phase::loss, net.lm_head, net.logits, net.stream, count);
    for (std::size_t i = net.layers.size(); i-- > 0;) {
        const Layer& layer = net.layers[i];
        if (net.recompute && i + 1 < net.layers.size()) {
            copy_features<Lanes>(net, layer.input, net.stream, 0, count);
            run_layer<Lanes>(net, layer, 0, count);
        }
        layer_backward<Lanes>(net, update, layer, count);
    }
    enter(net, Phase::embedding);
    rmsnorm_backward<Lanes, false>(net, net.embedded, net.embedded_scale, net.stream_gradient,
                                   net.stream_gradient, count);
    embedding_update<Lanes>(net, update, document);
}

}  // namespace
}  // namespace ugpt::engine

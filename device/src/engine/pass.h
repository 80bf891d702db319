// A training step: forward over all positions at once, backward with Adam fused where each
// gradient is born. And the same forward for one position, on which sampling is built.
#pragma once

#include <cstring>

#include "engine/adam.h"
#include "engine/attention.h"
#include "engine/loss.h"
#include "engine/matmul.h"
#include "engine/norm.h"
#include "engine/transpose.h"

namespace ugpt::engine {
namespace {

// y = W x, or y += W x, at `count` positions from `first` on. x [cols x S], y [rows x S]
template <class Lanes>
void linear(const Network& net, const Matrix& matrix, const float* x, float* y, bool accumulate,
            std::size_t first, std::size_t count) {
    multiply<Lanes, Order::row_major>({.a = matrix.weights,
                                       .a_stride = matrix.cols,
                                       .b = x + first,
                                       .b_stride = net.stride,
                                       .c = y + first,
                                       .c_stride = net.stride,
                                       .rows = matrix.rows,
                                       .columns = count,
                                       .depth = matrix.cols,
                                       .accumulate = accumulate});
}

// dx = W^T dy. dy [rows x S], dx [cols x S]
template <class Lanes>
void linear_backward(const Network& net, const Matrix& matrix, const float* dy, float* dx,
                     std::size_t count) {
    multiply<Lanes, Order::transposed>({.a = matrix.weights,
                                        .a_stride = matrix.cols,
                                        .b = dy,
                                        .b_stride = net.stride,
                                        .c = dx,
                                        .c_stride = net.stride,
                                        .rows = matrix.cols,
                                        .columns = count,
                                        .depth = matrix.rows,
                                        .accumulate = false});
}

// dW = dy x^T, a few rows at a time, each consumed by Adam. dy [rows x S], x [cols x S]
template <class Lanes>
void linear_update(const Network& net, const AdamStep& step, const Matrix& matrix,
                   const float* dy, const float* x, std::size_t count) {
    const std::size_t stride = round_up(matrix.cols, kFeatureMultiple);
    const std::size_t tile = weight_gradient_size(net.shape.n_embd) / stride;
    transpose<Lanes>(x, net.stride, matrix.cols, net.columns, stride, count);
    for (std::size_t row = 0; row < matrix.rows; row += tile) {
        const std::size_t rows = matrix.rows - row < tile ? matrix.rows - row : tile;
        multiply<Lanes, Order::row_major>({.a = dy + row * net.stride,
                                           .a_stride = net.stride,
                                           .b = net.columns,
                                           .b_stride = stride,
                                           .c = net.weight_gradient,
                                           .c_stride = stride,
                                           .rows = rows,
                                           .columns = matrix.cols,
                                           .depth = count,
                                           .accumulate = false});
        adam_rows<Lanes>(step, matrix, row, rows, net.weight_gradient, stride);
    }
}

// Embeds `token` at position t. x [C x S]
UGPT_LANE void embed(const Network& net, Token token, std::size_t t, float* x) {
    const std::size_t width = net.shape.n_embd;
    const float* by_token = net.wte.weights + token * width;
    const float* by_position = net.wpe.weights + t * width;
    for (std::size_t i = 0; i < width; ++i) {
        x[i * net.stride + t] = by_token[i] + by_position[i];
    }
}

// From the embeddings in net.embedded to the logits, at `count` positions from `first` on.
template <class Lanes>
void run_layers(const Network& net, std::size_t first, std::size_t count) {
    const std::size_t width = net.shape.n_embd;
    rmsnorm<Lanes>(net, net.embedded, net.embedded, net.embedded_scale, first, count);
    for (std::size_t i = 0; i < width; ++i) {
        std::memcpy(net.stream + i * net.stride + first, net.embedded + i * net.stride + first,
                    count * sizeof(float));
    }
    for (const Layer& layer : net.layers) {
        rmsnorm<Lanes>(net, net.stream, layer.attention_input, layer.attention_scale, first,
                       count);
        linear<Lanes>(net, layer.qkv, layer.attention_input, layer.heads, false, first, count);
        attend<Lanes>(net, layer, first, count);
        linear<Lanes>(net, layer.wo, layer.mixed, net.stream, true, first, count);

        rmsnorm<Lanes>(net, net.stream, layer.mlp_input, layer.mlp_scale, first, count);
        linear<Lanes>(net, layer.fc1, layer.mlp_input, layer.hidden, false, first, count);
        for (std::size_t i = 0; i < 4 * width; ++i) {
            float* row = layer.hidden + i * net.stride;
            for (std::size_t t = first; t < first + count; t += Lanes::kWidth) {
                Lanes::store(row + t, Lanes::max(Lanes::all(0.0f), Lanes::load(row + t)));
            }
        }
        linear<Lanes>(net, layer.fc2, layer.hidden, net.stream, true, first, count);
    }
    linear<Lanes>(net, net.lm_head, net.stream, net.logits, false, first, count);
}

// Returns the mean loss; net.logits hold its gradient.
template <class Lanes>
float forward(const Network& net, const Document& document) {
    for (std::size_t t = 0; t < document.positions; ++t) {
        embed(net, document.input(t), t, net.embedded);
    }
    run_layers<Lanes>(net, 0, document.positions);
    return cross_entropy<Lanes>(net, document);
}

// Leaves the logits of what follows `token` at position t in column t of net.logits; the positions
// before must have been decoded.
void decode(const Network& net, Token token, std::size_t t) {
    embed(net, token, t, net.embedded);
    run_layers<ScalarLanes>(net, t, 1);
}

template <class Lanes>
void layer_backward(const Network& net, const AdamStep& step, const Layer& layer,
                    std::size_t count) {
    const std::size_t width = net.shape.n_embd;
    float* wide = net.wide_gradient;

    linear_backward<Lanes>(net, layer.fc2, net.stream_gradient, wide, count);
    linear_update<Lanes>(net, step, layer.fc2, net.stream_gradient, layer.hidden, count);
    for (std::size_t i = 0; i < 4 * width; ++i) {
        const float* hidden = layer.hidden + i * net.stride;
        float* gradient = wide + i * net.stride;
        for (std::size_t t = 0; t < count; t += Lanes::kWidth) {
            const auto active = Lanes::less(Lanes::all(0.0f), Lanes::load(hidden + t));
            Lanes::store(gradient + t, Lanes::select(active, Lanes::load(gradient + t),
                                                     Lanes::all(0.0f)));
        }
    }
    linear_backward<Lanes>(net, layer.fc1, wide, net.input_gradient, count);
    linear_update<Lanes>(net, step, layer.fc1, wide, layer.mlp_input, count);
    rmsnorm_backward<Lanes>(net, layer.mlp_input, layer.mlp_scale, net.input_gradient,
                            net.stream_gradient, true, count);

    float* mixed_gradient = wide + 3 * width * net.stride;
    linear_backward<Lanes>(net, layer.wo, net.stream_gradient, mixed_gradient, count);
    linear_update<Lanes>(net, step, layer.wo, net.stream_gradient, layer.mixed, count);
    attend_backward<Lanes>(net, layer, mixed_gradient, wide, count);
    linear_backward<Lanes>(net, layer.qkv, wide, net.input_gradient, count);
    linear_update<Lanes>(net, step, layer.qkv, wide, layer.attention_input, count);
    rmsnorm_backward<Lanes>(net, layer.attention_input, layer.attention_scale,
                            net.input_gradient, net.stream_gradient, true, count);
}

// Updates both embeddings from the gradient of their sum, net.stream_gradient [C x S].
template <class Lanes>
void embedding_update(const Network& net, const AdamStep& step, const Document& document) {
    const std::size_t width = net.shape.n_embd;
    const std::size_t stride = round_up(width, kFeatureMultiple);
    const std::size_t count = document.positions;
    transpose<Lanes>(net.stream_gradient, net.stride, width, net.columns, stride, count);

    float* gradient = net.weight_gradient;
    const std::size_t tile = weight_gradient_size(width) / stride;
    for (std::size_t row = 0; row < net.wte.rows; row += tile) {
        const std::size_t rows = net.wte.rows - row < tile ? net.wte.rows - row : tile;
        std::memset(gradient, 0, rows * stride * sizeof(float));
        for (std::size_t t = 0; t < count; ++t) {
            const std::size_t token = document.input(t);
            if (token >= row && token < row + rows) {
                float* sum = gradient + (token - row) * stride;
                for (std::size_t i = 0; i < width; ++i) {
                    sum[i] = sum[i] + net.columns[t * stride + i];
                }
            }
        }
        adam_rows<Lanes>(step, net.wte, row, rows, gradient, stride);
    }

    adam_rows<Lanes>(step, net.wpe, 0, count, net.columns, stride);
    std::memset(gradient, 0, tile * stride * sizeof(float));
    for (std::size_t row = count; row < net.wpe.rows; row += tile) {
        const std::size_t rows = net.wpe.rows - row < tile ? net.wpe.rows - row : tile;
        adam_rows<Lanes>(step, net.wpe, row, rows, gradient, stride);
    }
}

// Every gradient, each used for its update as soon as nothing needs the old weights any more.
template <class Lanes>
void backward(const Network& net, const AdamStep& step, const Document& document) {
    const std::size_t count = document.positions;
    linear_backward<Lanes>(net, net.lm_head, net.logits, net.stream_gradient, count);
    linear_update<Lanes>(net, step, net.lm_head, net.logits, net.stream, count);
    for (std::size_t i = net.layers.size(); i-- > 0;) {
        layer_backward<Lanes>(net, step, net.layers[i], count);
    }
    rmsnorm_backward<Lanes>(net, net.embedded, net.embedded_scale, net.stream_gradient,
                            net.stream_gradient, false, count);
    embedding_update<Lanes>(net, step, document);
}

}  // namespace
}  // namespace ugpt::engine

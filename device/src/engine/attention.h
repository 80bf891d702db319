// Causal attention of one layer, forward and backward. Vectors run over query positions; a query
// sees the keys up to its own position, and lanes that do not see a key keep their value.
#pragma once

#include "engine/math.h"
#include "engine/network.h"
#include "engine/transpose.h"

namespace ugpt::engine {
namespace {

// One head's rows of a layer: each [head_dim x S], except attention [key][query], [T x S].
struct Head {
    const float* queries;
    const float* keys;
    const float* values;
    float* attention;
};

UGPT_LANE Head head_of(const Network& net, const Layer& layer, std::size_t head) {
    const std::size_t width = net.shape.n_embd * net.stride;
    const std::size_t offset = head * net.shape.head_dim() * net.stride;
    return {layer.heads + offset, layer.heads + width + offset, layer.heads + 2 * width + offset,
            layer.attention + head * net.shape.block_size * net.stride};
}

// sum over the head's features d of a[d][j] * b[d][t ...]; a, b [head_dim x S]
template <class Lanes>
UGPT_LANE typename Lanes::Float dot_features(const Network& net, const float* a, std::size_t j,
                                             const float* b, std::size_t t) {
    auto sum = Lanes::mul(Lanes::all(a[j]), Lanes::load(b + t));
    for (std::size_t d = 1; d < net.shape.head_dim(); ++d) {
        const std::size_t row = d * net.stride;
        sum = Lanes::fma(Lanes::all(a[row + j]), Lanes::load(b + row + t), sum);
    }
    return sum;
}

// out[d][t ...] = sum over the keys j seen of a[d][j] * weights[j][t ...]
template <class Lanes>
UGPT_LANE void sum_keys(const Network& net, const float* a, const float* weights, std::size_t keys,
                        std::size_t t, float* out) {
    for (std::size_t d = 0; d < net.shape.head_dim(); ++d) {
        const float* row = a + d * net.stride;
        auto sum = Lanes::mul(Lanes::all(row[0]), Lanes::load(weights + t));
        for (std::size_t j = 1; j < keys; ++j) {
            const auto more =
                Lanes::fma(Lanes::all(row[j]), Lanes::load(weights + j * net.stride + t), sum);
            sum = Lanes::select(Lanes::index_at_least(t, j), more, sum);
        }
        Lanes::store(out + d * net.stride + t, sum);
    }
}

// Scores, softmax and the mixture of values, for `count` queries from `first` on.
template <class Lanes>
void attend(const Network& net, const Layer& layer, std::size_t first, std::size_t count) {
    const std::size_t stride = net.stride;
    const auto score_scale = Lanes::all(net.attention_scale);
    for (std::size_t h = 0; h < net.shape.n_head; ++h) {
        const Head head = head_of(net, layer, h);
        float* out = layer.mixed + h * net.shape.head_dim() * stride;
        for (std::size_t t = first; t < first + count; t += Lanes::kWidth) {
            const std::size_t past = first + count;
            const std::size_t keys = t + Lanes::kWidth < past ? t + Lanes::kWidth : past;
            float* column = head.attention + t;
            auto maximum = Lanes::mul(
                dot_features<Lanes>(net, head.keys, 0, head.queries, t), score_scale);
            Lanes::store(column, maximum);
            for (std::size_t j = 1; j < keys; ++j) {
                const auto score = Lanes::mul(
                    dot_features<Lanes>(net, head.keys, j, head.queries, t), score_scale);
                Lanes::store(column + j * stride, score);
                maximum = Lanes::select(Lanes::index_at_least(t, j),
                                        Lanes::max(score, maximum), maximum);
            }
            auto sum = Lanes::all(0.0f);
            for (std::size_t j = 0; j < keys; ++j) {
                const auto power =
                    exponential<Lanes>(Lanes::sub(Lanes::load(column + j * stride), maximum));
                const auto seen =
                    Lanes::select(Lanes::index_at_least(t, j), power, Lanes::all(0.0f));
                sum = Lanes::add(sum, seen);
                Lanes::store(column + j * stride, seen);
            }
            const auto normaliser = reciprocal<Lanes>(sum);
            for (std::size_t j = 0; j < keys; ++j) {
                Lanes::store(column + j * stride,
                             Lanes::mul(Lanes::load(column + j * stride), normaliser));
            }
            sum_keys<Lanes>(net, head.values, head.attention, keys, t, out);
        }
    }
}

// Gradients of one head's scores [key][query], into net.score_gradient.
template <class Lanes>
UGPT_LANE void score_gradients(const Network& net, const Head& head, const float* mixed_gradient,
                               std::size_t keys, std::size_t t) {
    const std::size_t stride = net.stride;
    const float* attention = head.attention + t;
    float* gradient = net.score_gradient + t;
    auto back = dot_features<Lanes>(net, head.values, 0, mixed_gradient, t);
    Lanes::store(gradient, back);
    auto dot = Lanes::mul(Lanes::load(attention), back);
    for (std::size_t j = 1; j < keys; ++j) {
        back = dot_features<Lanes>(net, head.values, j, mixed_gradient, t);
        Lanes::store(gradient + j * stride, back);
        const auto more = Lanes::fma(Lanes::load(attention + j * stride), back, dot);
        dot = Lanes::select(Lanes::index_at_least(t, j), more, dot);
    }
    for (std::size_t j = 0; j < keys; ++j) {
        const auto centred = Lanes::sub(Lanes::load(gradient + j * stride), dot);
        const auto score = Lanes::mul(Lanes::mul(Lanes::load(attention + j * stride), centred),
                                      Lanes::all(net.attention_scale));
        Lanes::store(gradient + j * stride,
                     Lanes::select(Lanes::index_at_least(t, j), score, Lanes::all(0.0f)));
    }
}

// out[d][j ...] = sum over the queries t >= j of a[d][t] * weights[t][j ...]; vectors run over keys
template <class Lanes>
UGPT_LANE void sum_queries(const Network& net, const float* a, const float* weights,
                           std::size_t count, float* out) {
    for (std::size_t d = 0; d < net.shape.head_dim(); ++d) {
        const float* row = a + d * net.stride;
        for (std::size_t j = 0; j < count; j += Lanes::kWidth) {
            auto sum = Lanes::all(0.0f);
            for (std::size_t t = j; t < count; ++t) {
                sum = Lanes::fma(Lanes::all(row[t]), Lanes::load(weights + t * net.stride + j),
                                 sum);
            }
            Lanes::store(out + d * net.stride + j, sum);
        }
    }
}

// Gradients of queries, keys and values (`gradient`, [3C x S]) from those of the mixed values
// [C x S], over positions 0 ... count - 1.
template <class Lanes>
void attend_backward(const Network& net, const Layer& layer, const float* mixed_gradient,
                     float* gradient, std::size_t count) {
    const std::size_t width = net.shape.n_embd * net.stride;
    for (std::size_t h = 0; h < net.shape.n_head; ++h) {
        const Head head = head_of(net, layer, h);
        const std::size_t offset = h * net.shape.head_dim() * net.stride;
        float* query_gradient = gradient + offset;
        float* key_gradient = query_gradient + width;
        float* value_gradient = key_gradient + width;
        for (std::size_t t = 0; t < count; t += Lanes::kWidth) {
            const std::size_t keys = t + Lanes::kWidth < count ? t + Lanes::kWidth : count;
            score_gradients<Lanes>(net, head, mixed_gradient + offset, keys, t);
            sum_keys<Lanes>(net, head.keys, net.score_gradient, keys, t, query_gradient);
        }
        transpose<Lanes>(net.score_gradient, net.stride, count, net.columns, net.stride, count);
        sum_queries<Lanes>(net, head.queries, net.columns, count, key_gradient);
        transpose<Lanes>(head.attention, net.stride, count, net.columns, net.stride, count);
        sum_queries<Lanes>(net, mixed_gradient + offset, net.columns, count, value_gradient);
    }
}

}  // namespace
}  // namespace ugpt::engine

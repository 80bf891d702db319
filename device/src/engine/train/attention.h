// Causal attention of one layer, forward and backward: per head, a softmax between small matrix
// products. Queries are taken in blocks, and a block's products run over every key up to its end,
// with a weight of +0 where a query does not see a key.
#pragma once

#include "engine/numeric/math.h"
#include "engine/train/matmul.h"
#include "engine/train/network.h"

namespace ugpt::engine {
namespace {

// Part of the definition of the sums, hence the same for every instruction set.
constexpr std::size_t kQueryBlock = 16;

// One head's rows of a layer: each [head_dim x S], except attention [key][query], [T x S].
struct Head {
    float* queries;
    float* keys;
    float* values;
    float* attention;
    std::size_t offset;  // of the head's first row in a [C x S] matrix
};

UGPT_LANE Head head_of(const Network& net, const Layer& layer, std::size_t head) {
    const std::size_t width = net.shape.n_embd * net.stride;
    const std::size_t offset = head * net.shape.head_dim() * net.stride;
    return {layer.heads + offset, layer.heads + width + offset, layer.heads + 2 * width + offset,
            layer.attention + head * net.shape.block_size * net.stride, offset};
}

// out[j][t] = a[.][j] b[.][t], for keys j from 0 and queries t from `first`; a, b [head_dim x S]
template <class Lanes>
void score(const Network& net, const float* a, std::size_t keys, const float* b,
           std::size_t first, std::size_t queries, float* out) {
    multiply<Lanes, Order::transposed>({.a = a,
                                        .a_stride = net.stride,
                                        .b = b + first,
                                        .b_stride = net.stride,
                                        .c = out + first,
                                        .c_stride = net.stride,
                                        .rows = keys,
                                        .columns = queries,
                                        .depth = net.shape.head_dim()});
}

// out[d][t] = sum over j of a[d][j] weights[j][t]; a, out [head_dim x S], weights [depth x S]
UGPT_LANE Product mixture(const Network& net, const float* a, const float* weights,
                          std::size_t depth, std::size_t columns, float* out) {
    return {.a = a,
            .a_stride = net.stride,
            .b = weights,
            .b_stride = net.stride,
            .c = out,
            .c_stride = net.stride,
            .rows = net.shape.head_dim(),
            .columns = columns,
            .depth = depth};
}

template <class Lanes>
void mix(const Network& net, const float* a, const float* weights, std::size_t depth,
         std::size_t columns, float* out) {
    multiply<Lanes, Order::row_major>(mixture(net, a, weights, depth, columns, out));
}

// The same with the weights turned round: sum over t of a[d][t] weights[j][t]; weights [columns x S]
template <class Lanes>
void mix_back(const Network& net, const float* a, const float* weights, std::size_t depth,
              std::size_t columns, float* out) {
    multiply_by_transposed<Lanes>(mixture(net, a, weights, depth, columns, out), net.columns,
                                  net.stride);
}

// Where the queries from t on see key j, what is computed for them; elsewhere `otherwise`. A single
// query is only asked about keys it sees.
template <class Lanes>
UGPT_LANE typename Lanes::Float where_seen(std::size_t t, std::size_t j,
                                           typename Lanes::Float computed,
                                           typename Lanes::Float otherwise) {
    if constexpr (Lanes::kWidth == 1) {
        return computed;
    }
    return Lanes::select(Lanes::index_at_least(t, j), computed, otherwise);
}

// Scores become probabilities, [key][query] from query t on; +0 for keys behind the query.
template <class Lanes>
UGPT_LANE void causal_softmax(float* column, std::size_t stride, std::size_t t, std::size_t keys,
                              float score_scale) {
    const auto scale = Lanes::all(score_scale);
    const auto zero = Lanes::all(0.0f);
    const Exponential<Lanes> exponential;
    const std::size_t seen = t + Lanes::kWidth < keys ? t + Lanes::kWidth : keys;
    column += t;
    auto maximum = Lanes::load(column);
    for (std::size_t j = 1; j < seen; ++j) {
        const auto larger = Lanes::max(Lanes::load(column + j * stride), maximum);
        maximum = where_seen<Lanes>(t, j, larger, maximum);
    }
    auto sum = zero;
    for (std::size_t j = 0; j < seen; ++j) {
        const auto distance = Lanes::sub(Lanes::load(column + j * stride), maximum);
        const auto power =
            where_seen<Lanes>(t, j, exponential(Lanes::mul(distance, scale)), zero);
        sum = Lanes::add(sum, power);
        Lanes::store(column + j * stride, power);
    }
    const auto normaliser = reciprocal<Lanes>(sum);
    for (std::size_t j = 0; j < seen; ++j) {
        Lanes::store(column + j * stride,
                     Lanes::mul(Lanes::load(column + j * stride), normaliser));
    }
    for (std::size_t j = seen; j < keys; ++j) {
        Lanes::store(column + j * stride, zero);
    }
}

// Gradients of probabilities become those of scores, [key][query] from query t on.
template <class Lanes>
UGPT_LANE void causal_softmax_backward(const float* attention, float* gradient, std::size_t stride,
                                       std::size_t t, std::size_t keys, float score_scale) {
    attention += t;
    gradient += t;
    auto dot = Lanes::mul(Lanes::load(attention), Lanes::load(gradient));
    for (std::size_t j = 1; j < keys; ++j) {
        dot = Lanes::fma(Lanes::load(attention + j * stride), Lanes::load(gradient + j * stride),
                         dot);
    }
    for (std::size_t j = 0; j < keys; ++j) {
        const auto centred = Lanes::sub(Lanes::load(gradient + j * stride), dot);
        Lanes::store(gradient + j * stride,
                     Lanes::mul(Lanes::mul(Lanes::load(attention + j * stride), centred),
                                Lanes::all(score_scale)));
    }
}

// Probabilities and the mixture of values, for `count` queries from `first` on.
template <class Lanes>
void attend(const Network& net, const Layer& layer, std::size_t first, std::size_t count) {
    for (std::size_t h = 0; h < net.shape.n_head; ++h) {
        const Head head = head_of(net, layer, h);
        float* out = layer.mixed + head.offset;
        for (std::size_t begin = first; begin < first + count; begin += kQueryBlock) {
            const std::size_t left = first + count - begin;
            const std::size_t queries = left < kQueryBlock ? left : kQueryBlock;
            const std::size_t keys = begin + queries;
            score<Lanes>(net, head.keys, keys, head.queries, begin, queries, head.attention);
            for (std::size_t t = begin; t < keys; t += Lanes::Single::kWidth) {
                causal_softmax<typename Lanes::Single>(head.attention, net.stride, t, keys, net.attention_scale);
            }
            mix<Lanes>(net, head.values, head.attention + begin, keys, queries, out + begin);
        }
    }
}

// Gradients of queries, keys and values (`gradient`, [3C x S]) from those of the mixed values
// [C x S], over positions 0 ... count - 1.
template <class Lanes>
void attend_backward(const Network& net, const Layer& layer, const float* mixed_gradient,
                     float* gradient, std::size_t count) {
    const std::size_t stride = net.stride;
    const std::size_t width = net.shape.n_embd * stride;
    for (std::size_t h = 0; h < net.shape.n_head; ++h) {
        const Head head = head_of(net, layer, h);
        const float* back = mixed_gradient + head.offset;
        float* query_gradient = gradient + head.offset;
        float* key_gradient = query_gradient + width;
        float* value_gradient = key_gradient + width;
        float* scores = net.score_gradient;
        for (std::size_t begin = 0; begin < count; begin += kQueryBlock) {
            const std::size_t keys = begin + kQueryBlock < count ? begin + kQueryBlock : count;
            score<Lanes>(net, head.values, keys, back, begin, keys - begin, scores);
            for (std::size_t t = begin; t < keys; t += Lanes::kWidth) {
                causal_softmax_backward<Lanes>(head.attention, scores, stride, t, keys,
                                               net.attention_scale);
            }
            mix<Lanes>(net, head.keys, scores + begin, keys, keys - begin,
                       query_gradient + begin);
        }
        // Keys and values are summed over the queries from the beginning of the key's block on.
        for (std::size_t begin = 0; begin < count; begin += kQueryBlock) {
            const std::size_t left = count - begin;
            const std::size_t keys = left < kQueryBlock ? left : kQueryBlock;
            const std::size_t corner = begin * stride + begin;
            mix_back<Lanes>(net, head.queries + begin, scores + corner, left, keys,
                            key_gradient + begin);
            mix_back<Lanes>(net, back + begin, head.attention + corner, left, keys,
                            value_gradient + begin);
        }
    }
}

}  // namespace
}  // namespace ugpt::engine

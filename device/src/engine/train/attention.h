// Causal attention of one layer, forward and backward: per head, a softmax between small matrix
// products. Queries are processed in blocks. The products of a block run over every key up to its
// end; a query that does not see a key gives it the probability +0. Tiles for which all keys are
// such, or all queries, are left out.
#pragma once

#include "engine/numeric/math.h"
#include "engine/train/matmul.h"
#include "engine/train/network.h"
#include "engine/train/share.h"

namespace ugpt::engine {
namespace {

// Of so many queries, those behind `end`, up to which a vector reaches.
template <class Lanes>
UGPT_LANE std::size_t queries_behind(std::size_t end, std::size_t queries) {
    return queries - std::min(round_up(end, Lanes::kWidth), queries);
}

// What is needed of a product whose columns are the queries of a block, and whose rows are keys:
// the last query sees all of them, each one before it one less. A vector of queries is treated
// alike.
template <class Lanes>
class KeysSeen {
  public:
    explicit KeysSeen(const Product& p) : queries_(p.columns), keys_(p.rows) {}
    template <Order kB>
    void narrow(Product& p, std::size_t, std::size_t end) const {
        p.rows = keys_ - queries_behind<Lanes>(end, queries_);
    }

  private:
    std::size_t queries_, keys_;
};
// The same with a sum over the keys.
template <class Lanes>
class SumOfKeysSeen {
  public:
    explicit SumOfKeysSeen(const Product& p) : queries_(p.columns), keys_(p.depth) {}
    template <Order kB>
    void narrow(Product& p, std::size_t, std::size_t end) const {
        p.depth = keys_ - queries_behind<Lanes>(end, queries_);
    }

  private:
    std::size_t queries_, keys_;
};
// Columns are keys, and the sum is over queries: the first key is seen by all of them, each one
// behind it by one less.
class SumOfQueriesThatSee {
  public:
    explicit SumOfQueriesThatSee(const Product& p) : a_(p.a), b_(p.b), queries_(p.depth) {}
    template <Order kB>
    void narrow(Product& p, std::size_t n, std::size_t) const {
        p.a = a_ + n;
        p.b = b_ + n * (kB == Order::transposed ? 1 : p.b_stride);
        p.depth = queries_ - n;
    }

  private:
    const float *a_, *b_;
    std::size_t queries_;
};

// The rows of one head in a layer.
struct Head {
    float* queries;      // [head_dim x S]
    float* keys;         // [head_dim x S]
    float* values;       // [head_dim x S]
    float* probs;        // [key][query] [T x S]
    std::size_t offset;  // of its first row in a [C x S] matrix
};

UGPT_LANE Head head_of(const Network& net, const Layer& layer, std::size_t head) {
    const std::size_t width = net.shape.n_embd * net.stride;
    const std::size_t offset = head * net.shape.head_dim() * net.stride;
    return {layer.qkv + offset, layer.qkv + width + offset, layer.qkv + 2 * width + offset,
            layer.attn_probs + head * net.shape.block_size * net.stride, offset};
}

// out[j][t] = sum over d of a[d][j] b[d][t], for `keys` keys j from 0 on and `queries` queries t
// from `first` on that see them. a, b [head_dim x S], out [T x S]
template <class Lanes>
void attention_scores(const Network& net, const float* a, std::size_t keys, const float* b,
                      std::size_t first, std::size_t queries, float* out) {
    Product product{.a = a,
                    .a_stride = net.stride,
                    .b = b + first,
                    .b_stride = net.stride,
                    .c = out + first,
                    .c_stride = net.stride,
                    .rows = keys,
                    .columns = queries,
                    .depth = net.shape.head_dim()};
    multiply<Lanes, Order::transposed, Into::fresh, Order::row_major, KeysSeen<Lanes>>(product);
}

// out[d][t] = sum over j of a[d][j] probs[j][t]. a, out [head_dim x S], probs [depth x S]
UGPT_LANE Product weighted_sum_product(const Network& net, const float* a, const float* probs,
                                       std::size_t depth, std::size_t columns, float* out) {
    return {.a = a,
            .a_stride = net.stride,
            .b = probs,
            .b_stride = net.stride,
            .c = out,
            .c_stride = net.stride,
            .rows = net.shape.head_dim(),
            .columns = columns,
            .depth = depth};
}

// Computes weighted_sum_product for columns that are queries, each with the keys that it sees.
template <class Lanes>
void weighted_sum(const Network& net, const float* a, const float* probs, std::size_t depth,
                  std::size_t columns, float* out) {
    Product product = weighted_sum_product(net, a, probs, depth, columns, out);
    multiply<Lanes, Order::row_major, Into::fresh, Order::row_major, SumOfKeysSeen<Lanes>>(product);
}

// out[d][j] = sum over t of a[d][t] probs[j][t]. a, out [head_dim x S], probs [columns x S], of
// which there are at most kQueryBlock
template <class Lanes>
void weighted_sum_over_queries(const Network& net, const float* a, const float* probs,
                               std::size_t depth, std::size_t columns, float* out,
                               std::size_t core) {
    Product product = weighted_sum_product(net, a, probs, depth, columns, out);
    multiply_by_transposed<Lanes, SumOfQueriesThatSee>(
        product, net.transpose_buffer + core * kQueryBlock * net.stride, kQueryBlock);
}

// `computed` for each query from t on that sees key j, `otherwise` for the others. A single query
// is only asked about keys that it sees.
template <class Lanes>
UGPT_LANE typename Lanes::Float if_seen(std::size_t t, std::size_t j,
                                        typename Lanes::Float computed,
                                        typename Lanes::Float otherwise) {
    if constexpr (Lanes::kWidth == 1) {
        return computed;
    }
    return Lanes::select(Lanes::index_at_least(t, j), computed, otherwise);
}

// Replaces the scores of a vector of queries, from t on, by probabilities: +0 for keys behind the
// query. column [keys x stride]
template <class Lanes>
UGPT_LANE void causal_softmax_forward(float* column, std::size_t stride, std::size_t t,
                                      std::size_t keys, float score_scale) {
    const auto scale = Lanes::all(score_scale);
    const auto zero = Lanes::all(0.0f);
    const Exponential<Lanes> exponential;
    const std::size_t seen = t + Lanes::kWidth < keys ? t + Lanes::kWidth : keys;
    column += t;
    auto maximum = Lanes::load(column);
    for (std::size_t j = 1; j < seen; ++j) {
        const auto larger = Lanes::max(Lanes::load(column + j * stride), maximum);
        maximum = if_seen<Lanes>(t, j, larger, maximum);
    }
    auto sum = zero;
    for (std::size_t j = 0; j < seen; ++j) {
        const auto distance = Lanes::sub(Lanes::load(column + j * stride), maximum);
        const auto power = if_seen<Lanes>(t, j, exponential(Lanes::mul(distance, scale)), zero);
        sum = Lanes::add(sum, power);
        Lanes::store(column + j * stride, power);
    }
    const auto normaliser = reciprocal<Lanes>(sum);
    for (std::size_t j = 0; j < seen; ++j) {
        Lanes::store(column + j * stride, Lanes::mul(Lanes::load(column + j * stride), normaliser));
    }
    for (std::size_t j = seen; j < keys; ++j) {
        Lanes::store(column + j * stride, zero);
    }
}

// Replaces the gradients of probabilities of a vector of queries, from t on, by those of scores: +0
// for keys behind the vector. probs, gradient [keys x stride]
template <class Lanes>
UGPT_LANE void causal_softmax_backward(const float* probs, float* gradient, std::size_t stride,
                                       std::size_t t, std::size_t keys, float score_scale) {
    const std::size_t seen = std::min(t + Lanes::kWidth, keys);
    probs += t;
    gradient += t;
    auto dot = Lanes::mul(Lanes::load(probs), Lanes::load(gradient));
    for (std::size_t j = 1; j < seen; ++j) {
        dot = Lanes::fma(Lanes::load(probs + j * stride), Lanes::load(gradient + j * stride), dot);
    }
    for (std::size_t j = 0; j < seen; ++j) {
        const auto centred = Lanes::sub(Lanes::load(gradient + j * stride), dot);
        Lanes::store(gradient + j * stride,
                     Lanes::mul(Lanes::mul(Lanes::load(probs + j * stride), centred),
                                Lanes::all(score_scale)));
    }
    for (std::size_t j = seen; j < keys; ++j) {
        Lanes::store(gradient + j * stride, Lanes::all(0.0f));
    }
}

// layer.attn_probs and layer.attn_out of a head for `queries` queries from `begin` on, a block.
template <class Lanes>
void attention_block(const Network& net, const Layer& layer, const Head& head, std::size_t begin,
                     std::size_t queries) {
    const std::size_t keys = begin + queries;
    attention_scores<Lanes>(net, head.keys, keys, head.queries, begin, queries, head.probs);
    for (std::size_t t = begin; t < keys; t += Lanes::Single::kWidth) {
        causal_softmax_forward<typename Lanes::Single>(head.probs, net.stride, t, keys,
                                                       net.score_scale);
    }
    weighted_sum<Lanes>(net, head.values, head.probs + begin, keys, queries,
                        layer.attn_out + head.offset + begin);
}

// layer.attn_probs [H x T x S] and layer.attn_out [C x S] from layer.qkv [3C x S], for `count`
// queries from `first` on.
template <class Lanes>
void attention_forward(const Network& net, const Layer& layer, std::size_t first,
                       std::size_t count) {
    const auto each = [&](std::size_t first_head, std::size_t heads, std::size_t) {
        for (std::size_t h = first_head; h < first_head + heads; ++h) {
            const Head head = head_of(net, layer, h);
            for (std::size_t done = 0; done < count; done += kQueryBlock) {
                const std::size_t queries = std::min(count - done, kQueryBlock);
                attention_block<Lanes>(net, layer, head, first + done, queries);
            }
        }
    };
    share(net, by_rows(net.shape.n_head, 1, each));
}

// A head's gradients, and room for those of its scores [keys x S].
struct HeadGradient {
    const float* out;  // [head_dim x S]
    float* queries;    // these three likewise
    float* keys;
    float* values;
    float* scores;
};

UGPT_LANE HeadGradient gradient_of(const Network& net, const Head& head, const float* attn_out_grad,
                                   float* qkv_grad, float* scores) {
    const std::size_t width = net.shape.n_embd * net.stride;
    float* queries = qkv_grad + head.offset;
    return {attn_out_grad + head.offset, queries, queries + width, queries + 2 * width, scores};
}

// The gradients of a block of queries from `begin` on, and of their scores.
template <class Lanes>
void query_block_backward(const Network& net, const Head& head, const HeadGradient& gradient,
                          std::size_t begin, std::size_t count) {
    const std::size_t keys = std::min(begin + kQueryBlock, count);
    const std::size_t queries = keys - begin;
    attention_scores<Lanes>(net, head.values, keys, gradient.out, begin, queries, gradient.scores);
    for (std::size_t t = begin; t < keys; t += Lanes::kWidth) {
        causal_softmax_backward<Lanes>(head.probs, gradient.scores, net.stride, t, keys,
                                       net.score_scale);
    }
    weighted_sum<Lanes>(net, head.keys, gradient.scores + begin, keys, queries,
                        gradient.queries + begin);
}

// The gradients of a block of keys and values from `begin` on: sums over the queries from there on.
template <class Lanes>
void key_block_backward(const Network& net, const Head& head, const HeadGradient& gradient,
                        std::size_t begin, std::size_t count, std::size_t core) {
    const std::size_t left = count - begin;
    const std::size_t keys = std::min(left, kQueryBlock);
    const std::size_t corner = begin * net.stride + begin;
    weighted_sum_over_queries<Lanes>(net, head.queries + begin, gradient.scores + corner, left,
                                     keys, gradient.keys + begin, core);
    weighted_sum_over_queries<Lanes>(net, gradient.out + begin, head.probs + corner, left, keys,
                                     gradient.values + begin, core);
}

// The gradient of qkv [3C x S] from that of attn_out [C x S], over positions 0 ... count - 1.
//
// If there is one block, a core does a head. If there are more, there is no room for the scores of
// several heads, and the cores share the blocks of one.
template <class Lanes>
void attention_backward(const Network& net, const Layer& layer, const float* attn_out_grad,
                        float* qkv_grad, std::size_t count) {
    if (count <= kQueryBlock) {
        const auto each = [&](std::size_t first_head, std::size_t heads, std::size_t core) {
            float* scores = net.score_grad + core * kQueryBlock * net.stride;
            for (std::size_t h = first_head; h < first_head + heads; ++h) {
                const Head head = head_of(net, layer, h);
                const HeadGradient gradient =
                    gradient_of(net, head, attn_out_grad, qkv_grad, scores);
                query_block_backward<Lanes>(net, head, gradient, 0, count);
                key_block_backward<Lanes>(net, head, gradient, 0, count, core);
            }
        };
        share(net, by_rows(net.shape.n_head, 1, each));
        return;
    }
    for (std::size_t h = 0; h < net.shape.n_head; ++h) {
        const Head head = head_of(net, layer, h);
        const HeadGradient gradient =
            gradient_of(net, head, attn_out_grad, qkv_grad, net.score_grad);
        share(net,
              by_rows(count, kQueryBlock, [&](std::size_t first, std::size_t queries, std::size_t) {
                  const std::size_t end = first + queries;
                  for (std::size_t t = first; t < end; t += kQueryBlock) {
                      query_block_backward<Lanes>(net, head, gradient, t, count);
                  }
              }));
        share(net, by_rows(count, kQueryBlock,
                           [&](std::size_t first, std::size_t keys, std::size_t core) {
                               const std::size_t end = first + keys;
                               for (std::size_t t = first; t < end; t += kQueryBlock) {
                                   key_block_backward<Lanes>(net, head, gradient, t, count, core);
                               }
                           }));
    }
}

}  // namespace
}  // namespace ugpt::engine

#include "engine/reference/model.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "engine/reference/math.h"

namespace ugpt::reference {

// The forward pass: first what it consists of, then the pass itself.

namespace {

// y[t] = W x[t], or y[t] + W x[t], for positions [first, end). W [rows x cols], x [T x cols],
// y [T x rows]. Every element is one chain of fma over ascending columns; a sum begins with y.
void linear(const Matrix& w, const Matrix& x, Matrix& y, bool add, std::size_t first,
            std::size_t end) {
    for (std::size_t t = first; t < end; ++t) {
        for (std::size_t row = 0; row < w.rows; ++row) {
            float acc = add ? y[t][row] : 0.0f;
            for (std::size_t col = 0; col < w.cols; ++col) {
                acc = fma(w[row][col], x[t][col], acc);
            }
            y[t][row] = acc;
        }
    }
}

// y[t] = x[t] scale[t] with scale = (mean(x^2) + 1e-5)^-1/2. x, y [T x C], scale [T]. y may be x.
void rmsnorm(const Matrix& x, Matrix& y, std::vector<float>& scale, std::size_t first,
             std::size_t end) {
    const float inverse_width = reciprocal(static_cast<float>(x.cols));
    for (std::size_t t = first; t < end; ++t) {
        float squares = 0.0f;
        for (std::size_t i = 0; i < x.cols; ++i) {
            squares = fma(x[t][i], x[t][i], squares);
        }
        scale[t] = inverse_root(fma(squares, inverse_width, 1e-5f));
        for (std::size_t i = 0; i < x.cols; ++i) {
            y[t][i] = x[t][i] * scale[t];
        }
    }
}

// Scores [keys] become probabilities: the softmax of score * scale.
void softmax(float* scores, std::size_t keys, float scale) {
    const float maximum = *std::max_element(scores, scores + keys);
    float sum = 0.0f;
    for (std::size_t j = 0; j < keys; ++j) {
        scores[j] = exponential((scores[j] - maximum) * scale);
        sum = sum + scores[j];
    }
    const float normaliser = reciprocal(sum);
    for (std::size_t j = 0; j < keys; ++j) {
        scores[j] = scores[j] * normaliser;
    }
}

// Causal attention of all heads, for the queries of positions [first, end). Queries come in blocks
// of 16: each mixes the values of all keys up to the end of its block, with a probability of +0 for
// those behind it. qkv [T x 3C], attn_probs H times [T x T], attn_out [T x C].
void attention(const Shape& shape, LayerActivations& act, std::size_t first, std::size_t end) {
    const std::size_t width = shape.n_embd;
    const std::size_t head_dim = width / shape.n_head;
    const float scale = inverse_root(static_cast<float>(head_dim));
    for (std::size_t h = 0; h < shape.n_head; ++h) {
        const std::size_t q = h * head_dim, k = q + width, v = k + width;  // columns of qkv
        for (std::size_t begin = first; begin < end; begin += kQueryBlock) {
            const std::size_t block_end = std::min(begin + kQueryBlock, end);
            for (std::size_t t = begin; t < block_end; ++t) {
                float* probs = act.attn_probs[h][t];
                for (std::size_t j = 0; j <= t; ++j) {
                    float score = 0.0f;
                    for (std::size_t d = 0; d < head_dim; ++d) {
                        score = fma(act.qkv[t][q + d], act.qkv[j][k + d], score);
                    }
                    probs[j] = score;
                }
                softmax(probs, t + 1, scale);
                std::fill(probs + t + 1, probs + block_end, 0.0f);
                for (std::size_t d = 0; d < head_dim; ++d) {
                    float mixed = 0.0f;
                    for (std::size_t j = 0; j < block_end; ++j) {
                        mixed = fma(act.qkv[j][v + d], probs[j], mixed);
                    }
                    act.attn_out[t][q + d] = mixed;
                }
            }
        }
    }
}

}  // namespace

void forward(const Shape& shape, const Parameters& weights, std::span<const Token> tokens,
             std::size_t first, Activations& act) {
    const std::size_t end = tokens.size();
    for (std::size_t t = first; t < end; ++t) {
        for (std::size_t i = 0; i < shape.n_embd; ++i) {
            act.embedded[t][i] = weights.wte[tokens[t]][i] + weights.wpe[t][i];
        }
    }
    rmsnorm(act.embedded, act.embedded, act.embedded_scale, first, end);
    std::copy(act.embedded[first], act.embedded[end], act.residual[first]);

    for (std::size_t l = 0; l < shape.n_layer; ++l) {
        const Layer& w = weights.layers[l];
        LayerActivations& a = act.layers[l];
        rmsnorm(act.residual, a.attn_input, a.attn_scale, first, end);
        linear(w.attn_wqkv, a.attn_input, a.qkv, false, first, end);
        attention(shape, a, first, end);
        linear(w.attn_wo, a.attn_out, act.residual, true, first, end);

        rmsnorm(act.residual, a.mlp_input, a.mlp_scale, first, end);
        linear(w.mlp_fc1, a.mlp_input, a.mlp_hidden, false, first, end);
        for (float* hidden = a.mlp_hidden[first]; hidden < a.mlp_hidden[end]; ++hidden) {
            *hidden = std::max(*hidden, 0.0f);
        }
        linear(w.mlp_fc2, a.mlp_hidden, act.residual, true, first, end);
    }
    linear(weights.lm_head, act.residual, act.logits, false, first, end);
}

// The drawing of a text.

namespace {

// 64 random bits as a function of three numbers: two rounds of the finaliser of SplitMix64.
std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
    constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;
    return mix(mix(seed + (stream + 1) * kGolden) + (counter + 1) * kGolden);
}

// A multiple of 2^-24 in [0, 1).
float random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
    const std::uint64_t upper = random_bits(seed, stream, counter) >> 40;
    return static_cast<float>(static_cast<std::int32_t>(upper)) * 0x1p-24f;
}

// Normal deviate i of a seed: the sum of twelve 16-bit numbers minus its mean, 12 * 65535 / 2.
float random_normal(std::uint64_t seed, std::uint64_t i) {
    std::int32_t sum = -6 * 65535;
    for (std::uint64_t word = 0; word < 3; ++word) {
        const std::uint64_t bits = random_bits(seed, 0, 3 * i + word);
        for (int shift = 0; shift < 64; shift += 16) {
            sum += static_cast<std::int32_t>(bits >> shift & 0xffffu);
        }
    }
    return static_cast<float>(sum) * 0x1p-16f;
}

// Which tokens may be drawn. They are ranked by their logits; of equal ones the first ranks higher.
std::vector<bool> likeliest(std::span<const float> logits, std::span<const float> powers,
                            std::size_t top_k, float top_p) {
    std::vector<std::size_t> ranking(logits.size());
    std::iota(ranking.begin(), ranking.end(), 0);
    std::ranges::stable_sort(ranking, std::greater(), [&](std::size_t i) { return logits[i]; });
    if (top_k > 0) {
        ranking.resize(std::min(top_k, ranking.size()));
    }
    if (top_p < 1.0f) {
        const auto whole = [](float x) { return static_cast<std::uint64_t>(x * 0x1p+24f); };
        std::uint64_t sum = 0;
        for (const std::size_t i : ranking) {
            sum += whole(powers[i]);
        }
        std::uint64_t reached = 0;
        std::size_t count = 0;
        do {
            reached += whole(powers[ranking[count++]]);
        } while (reached << 24 < sum * whole(top_p));
        ranking.resize(count);
    }
    std::vector<bool> kept(logits.size());
    for (const std::size_t i : ranking) {
        kept[i] = true;
    }
    return kept;
}

}  // namespace

Token choose(std::span<const float> logits, const SampleRequest& request, float uniform) {
    const float maximum = *std::max_element(logits.begin(), logits.end());
    if (request.temperature < 0x1p-10f) {
        return static_cast<Token>(std::ranges::find(logits, maximum) - logits.begin());
    }
    const float inverse_temperature = reciprocal(request.temperature);
    std::vector<float> powers;
    for (const float logit : logits) {
        powers.push_back(exponential((logit - maximum) * inverse_temperature));
    }
    std::vector<float> running_sums;
    float sum = 0.0f;
    std::size_t last = 0;
    const std::vector<bool> kept = likeliest(logits, powers, request.top_k, request.top_p);
    for (std::size_t i = 0; i < logits.size(); ++i) {
        if (kept[i]) {
            sum = sum + powers[i];
            last = i;
        }
        running_sums.push_back(sum);
    }
    std::size_t chosen = 0;
    while (chosen < last && !(running_sums[chosen] > uniform * sum)) {
        ++chosen;
    }
    return static_cast<Token>(chosen);
}

std::vector<Token> draw_text(const Shape& shape, const Parameters& weights,
                             const SampleRequest& request) {
    Activations act(shape);
    std::vector<Token> tokens{shape.bos()};
    std::vector<Token> drawn;
    for (std::size_t t = 0; t < shape.block_size; ++t) {
        forward(shape, weights, tokens, t, act);
        if (t < request.prompt.size()) {
            tokens.push_back(request.prompt[t]);
            continue;
        }
        const std::size_t n = drawn.size();
        const float uniform = n < request.uniforms.size()
                                  ? request.uniforms[n]
                                  : random_uniform(request.seed, request.sample_index, n);
        const Token token = choose({act.logits[t], shape.vocab_size}, request, uniform);
        if (token == shape.bos()) {
            break;
        }
        tokens.push_back(token);
        drawn.push_back(token);
    }
    return drawn;
}

// The memory of a model, and its first weights.

Parameters::Parameters(const Shape& shape)
    : wte(shape.vocab_size, shape.n_embd),
      wpe(shape.block_size, shape.n_embd),
      lm_head(shape.vocab_size, shape.n_embd) {
    const std::size_t width = shape.n_embd;
    layers.assign(shape.n_layer, {Matrix(3 * width, width), Matrix(width, width),
                                  Matrix(4 * width, width), Matrix(width, 4 * width)});
}

std::vector<Matrix*> Parameters::matrices() {
    std::vector<Matrix*> all{&wte, &wpe, &lm_head};
    for (Layer& layer : layers) {
        all.insert(all.end(), {&layer.attn_wqkv, &layer.attn_wo, &layer.mlp_fc1, &layer.mlp_fc2});
    }
    return all;
}

Activations::Activations(const Shape& shape)
    : embedded(shape.block_size, shape.n_embd),
      embedded_scale(shape.block_size),
      residual(shape.block_size, shape.n_embd),
      logits(shape.block_size, shape.vocab_size) {
    const std::size_t positions = shape.block_size;
    const Matrix features(positions, shape.n_embd);
    layers.assign(shape.n_layer,
                  {.attn_input = features,
                   .attn_scale = std::vector<float>(positions),
                   .qkv = Matrix(positions, 3 * shape.n_embd),
                   .attn_probs = std::vector<Matrix>(shape.n_head, Matrix(positions, positions)),
                   .attn_out = features,
                   .mlp_input = features,
                   .mlp_scale = std::vector<float>(positions),
                   .mlp_hidden = Matrix(positions, 4 * shape.n_embd)});
}

void init_weights(Parameters& weights, std::uint64_t seed, float init_std) {
    std::uint64_t i = 0;
    for (Matrix* matrix : weights.matrices()) {
        for (float& weight : matrix->values) {
            weight = random_normal(seed, i++) * init_std;
        }
    }
}

}  // namespace ugpt::reference

#include "engine/reference/training.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "engine/reference/math.h"

namespace ugpt::reference {

namespace {

// The tokens that a text is learned from: BOS in front, and behind it if there is room. Position
// t sees inputs[0 ... t] and predicts targets[t].
struct Example {
    std::vector<Token> inputs, targets;

    Example(const Shape& shape, std::span<const Token> text)
        : inputs{shape.bos()}, targets(text.begin(), text.end()) {
        inputs.insert(inputs.end(), text.begin(), text.end());
        targets.push_back(shape.bos());
        inputs.resize(std::min(inputs.size(), shape.block_size));
        targets.resize(inputs.size());
    }
};

// The mean loss of n positions and its gradient with respect to the logits. logits [T x V],
// targets [n], logit_grad [n x V]
float cross_entropy(const Matrix& logits, std::span<const Token> targets, Matrix& logit_grad) {
    const std::size_t vocab_size = logits.cols;
    const float inverse_count = reciprocal(static_cast<float>(targets.size()));
    float total = 0.0f;
    for (std::size_t t = 0; t < targets.size(); ++t) {
        const float maximum = *std::max_element(logits[t], logits[t] + vocab_size);
        float sum = 0.0f;
        for (std::size_t i = 0; i < vocab_size; ++i) {
            logit_grad[t][i] = exponential(logits[t][i] - maximum);
            sum = sum + logit_grad[t][i];
        }
        const float normaliser = reciprocal(sum) * inverse_count;
        for (std::size_t i = 0; i < vocab_size; ++i) {
            logit_grad[t][i] = logit_grad[t][i] * normaliser;
        }
        logit_grad[t][targets[t]] = logit_grad[t][targets[t]] - inverse_count;
        total = total + (logarithm(sum) - (logits[t][targets[t]] - maximum));
    }
    return total * inverse_count;
}

// Of y[t] = W x[t] at n positions: dx[t] = W^T dy[t] and dW = sum over t of dy[t] x[t]^T, both of
// chains of fma. W, dW [rows x cols], x [T x cols], dy [n x rows]. Returns dx [n x cols].
Matrix linear_backward(const Matrix& w, const Matrix& x, const Matrix& dy, Matrix& dw) {
    const std::size_t n = dy.rows;
    Matrix dx(n, w.cols);
    for (std::size_t t = 0; t < n; ++t) {
        for (std::size_t row = 0; row < w.rows; ++row) {
            for (std::size_t col = 0; col < w.cols; ++col) {
                dx[t][col] = fma(w[row][col], dy[t][row], dx[t][col]);
                dw[row][col] = fma(dy[t][row], x[t][col], dw[row][col]);
            }
        }
    }
    return dx;
}

// Of y = x scale: dx = scale (dy - y mean(y dy)), or dx + that. y [T x C], scale [T], dy and
// dx [n x C]. dx may be dy.
void rmsnorm_backward(const Matrix& y, const std::vector<float>& scale, const Matrix& dy,
                      Matrix& dx, bool add) {
    const float inverse_width = reciprocal(static_cast<float>(dy.cols));
    for (std::size_t t = 0; t < dy.rows; ++t) {
        float dot = 0.0f;
        for (std::size_t i = 0; i < dy.cols; ++i) {
            dot = fma(y[t][i], dy[t][i], dot);
        }
        const float mean = dot * inverse_width;
        for (std::size_t i = 0; i < dy.cols; ++i) {
            const float centred = fma(-y[t][i], mean, dy[t][i]);
            dx[t][i] = add ? fma(centred, scale[t], dx[t][i]) : centred * scale[t];
        }
    }
}

// The gradient with respect to queries, keys and values [n x 3C] from that with respect to the
// mixed values [n x C]. A query meets all keys up to the end of its block, as in the forward pass;
// so a key meets the queries from the beginning of its block on.
Matrix attention_backward(const Shape& shape, const LayerActivations& act,
                          const Matrix& attn_out_grad) {
    const std::size_t n = attn_out_grad.rows;
    const std::size_t width = shape.n_embd;
    const std::size_t head_dim = width / shape.n_head;
    const float scale = inverse_root(static_cast<float>(head_dim));
    Matrix qkv_grad(n, 3 * width);
    std::vector<float> prob_grad(n);
    for (std::size_t h = 0; h < shape.n_head; ++h) {
        const std::size_t q = h * head_dim, k = q + width, v = k + width;  // columns of qkv
        for (std::size_t t = 0; t < n; ++t) {
            const float* probs = act.attn_probs[h][t];
            const float* out_grad = attn_out_grad[t] + q;
            const std::size_t keys = std::min((t / kQueryBlock + 1) * kQueryBlock, n);
            float dot = 0.0f;
            for (std::size_t j = 0; j < keys; ++j) {
                prob_grad[j] = 0.0f;
                for (std::size_t d = 0; d < head_dim; ++d) {
                    prob_grad[j] = fma(act.qkv[j][v + d], out_grad[d], prob_grad[j]);
                }
                dot = fma(probs[j], prob_grad[j], dot);
            }
            for (std::size_t j = 0; j < keys; ++j) {
                const float score_grad = probs[j] * (prob_grad[j] - dot) * scale;
                for (std::size_t d = 0; d < head_dim; ++d) {
                    float& query_grad = qkv_grad[t][q + d];
                    float& key_grad = qkv_grad[j][k + d];
                    float& value_grad = qkv_grad[j][v + d];
                    query_grad = fma(act.qkv[j][k + d], score_grad, query_grad);
                    key_grad = fma(act.qkv[t][q + d], score_grad, key_grad);
                    value_grad = fma(out_grad[d], probs[j], value_grad);
                }
            }
        }
    }
    return qkv_grad;
}

// The gradients of the loss with respect to all weights, from that with respect to the logits
// [n x V], of tokens [n].
Parameters backward(const Shape& shape, const Parameters& weights, const Activations& act,
                    std::span<const Token> tokens, const Matrix& logit_grad) {
    Parameters grad(shape);
    Matrix residual_grad =
        linear_backward(weights.lm_head, act.residual, logit_grad, grad.lm_head);  // [n x C]

    for (std::size_t l = shape.n_layer; l-- > 0;) {
        const Layer& w = weights.layers[l];
        const LayerActivations& a = act.layers[l];
        Layer& g = grad.layers[l];

        Matrix hidden_grad = linear_backward(w.mlp_fc2, a.mlp_hidden, residual_grad, g.mlp_fc2);
        for (std::size_t i = 0; i < hidden_grad.values.size(); ++i) {
            if (!(a.mlp_hidden.values[i] > 0.0f)) {
                hidden_grad.values[i] = 0.0f;
            }
        }
        const Matrix mlp_input_grad =
            linear_backward(w.mlp_fc1, a.mlp_input, hidden_grad, g.mlp_fc1);
        rmsnorm_backward(a.mlp_input, a.mlp_scale, mlp_input_grad, residual_grad, true);

        const Matrix attn_out_grad =
            linear_backward(w.attn_wo, a.attn_out, residual_grad, g.attn_wo);
        const Matrix qkv_grad = attention_backward(shape, a, attn_out_grad);
        const Matrix attn_input_grad =
            linear_backward(w.attn_wqkv, a.attn_input, qkv_grad, g.attn_wqkv);
        rmsnorm_backward(a.attn_input, a.attn_scale, attn_input_grad, residual_grad, true);
    }

    rmsnorm_backward(act.embedded, act.embedded_scale, residual_grad, residual_grad, false);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
        for (std::size_t i = 0; i < shape.n_embd; ++i) {
            grad.wte[tokens[t]][i] = grad.wte[tokens[t]][i] + residual_grad[t][i];
            grad.wpe[t][i] = residual_grad[t][i];
        }
    }
    return grad;
}

// (1 - cos(pi x)) / 2 for 0 <= x <= 1, as (1 + sin(pi z / 2)) / 2 with z = 2x - 1.
float cosine_rise(float x) {
    const float z = fma(2.0f, x, -1.0f);
    const float square = z * z;
    float p = 7.541028026025742e-05f;
    p = fma(p, square, -0.0023361139465123415f);
    p = fma(p, square, 0.03984424099326134f);
    p = fma(p, square, -0.32298168540000916f);
    p = fma(p, square, 0.7853981256484985f);
    return fma(p, z, 0.5f);
}

// The learning rate of the step after `completed` ones.
float learning_rate(const Recipe& recipe, std::uint32_t completed) {
    if (completed < recipe.warmup_steps) {
        const float part =
            static_cast<float>(completed + 1) * reciprocal(static_cast<float>(recipe.warmup_steps));
        return recipe.learning_rate * part;
    }
    if (recipe.schedule == Schedule::constant) {
        return recipe.learning_rate;
    }
    if (completed >= recipe.total_steps) {
        return 0.0f;
    }
    const auto left = static_cast<float>(recipe.total_steps - completed);
    const auto all = static_cast<float>(recipe.total_steps - recipe.warmup_steps);
    const float part = left * reciprocal(all);
    return recipe.learning_rate * (recipe.schedule == Schedule::cosine ? cosine_rise(part) : part);
}

// 1 + beta + ... + beta^(steps - 1), in fixed point with 32 fractional bits, always rounded down.
float sum_of_powers(float beta, std::uint32_t steps) {
    const auto factor = static_cast<std::uint64_t>(beta * 0x1p+32f);
    std::uint64_t sum = 0;
    for (std::uint32_t t = 0; t < steps; ++t) {
        const std::uint64_t whole = sum >> 32, fraction = sum & 0xffffffffu;
        sum = (std::uint64_t{1} << 32) + whole * factor + (fraction * factor >> 32);
    }
    return static_cast<float>(sum) * 0x1p-32f;
}

// w - rate m / (sqrt(v) + epsilon) for a small epsilon: a guess from the bits and two Newton steps
// whose constants centre the error, let the scale drift by kScale, and carry epsilon to first
// order.
float fast_step(float w, float m, float v, float rate, float epsilon) {
    constexpr float kNewton = 0.44375431537628174f;
    constexpr float kScale = 1.0f / 0.11377891145742611f;
    constexpr float kEpsilonScale = 0.7692024574204823f;
    float y = std::bit_cast<float>(0x5ecfe72bu - (std::bit_cast<std::uint32_t>(v) >> 1));
    y = fma(-y, v * y * y, y);
    y = y * fma(-fma(v, y, epsilon * kEpsilonScale), y, kNewton);
    return fma(-(rate * kScale), y * m, w);
}

// The same for any epsilon.
float exact_step(float w, float m, float v, float rate, float epsilon) {
    const float root = v < 0x1p-125f ? 0.0f : v * inverse_root(v);
    return fma(-rate, m * reciprocal(root + epsilon), w);
}

// One step of Adam with weight decay on all weights.
void adam_step(Training& training, Parameters grad) {
    const Recipe& recipe = training.recipe;
    const std::uint32_t t = training.step + 1;
    const float lr = learning_rate(recipe, training.step);
    const float first_sum = sum_of_powers(recipe.beta1, t);
    const float second_sum = sum_of_powers(recipe.beta2, t);
    const float root = second_sum * inverse_root(second_sum);
    const float rate = lr * reciprocal(first_sum) * root;
    const float epsilon = recipe.epsilon * root;
    const float decay_factor = fma(-lr, recipe.weight_decay, 1.0f);
    // The fast way is exact enough if sqrt(v) is at least 2304 epsilon.
    const float border_root = epsilon * 2304.0f;
    const float border = border_root * border_root;
    const bool flush = t % 256 == 0;

    const auto grads = grad.matrices(), weights = training.weights.matrices();
    const auto first = training.first_moment.matrices(), second = training.second_moment.matrices();
    for (std::size_t k = 0; k < grads.size(); ++k) {
        for (std::size_t i = 0; i < grads[k]->values.size(); ++i) {
            const float g = grads[k]->values[i];
            float& w = weights[k]->values[i];
            float& m = first[k]->values[i];
            float& v = second[k]->values[i];
            w = w * decay_factor;
            m = fma(recipe.beta1, m, g);
            v = fma(g, g, recipe.beta2 * v);
            w = v >= border ? fast_step(w, m, v, rate, epsilon)
                            : exact_step(w, m, v, rate, epsilon);
            // Denormals would be slow on some processors.
            if (flush) {
                m = std::fabs(m) < 0x1p-60f ? 0.0f : m;
                v = v < 0x1p-100f ? 0.0f : v;
            }
        }
    }
    training.step = t;
}

}  // namespace

float evaluate(const Training& training, std::span<const Token> text) {
    const Example example(training.shape, text);
    Activations act(training.shape);
    Matrix logit_grad(example.targets.size(), training.shape.vocab_size);
    forward(training.shape, training.weights, example.inputs, 0, act);
    return cross_entropy(act.logits, example.targets, logit_grad);
}

float train_step(Training& training, std::span<const Token> text) {
    const Example example(training.shape, text);
    Activations act(training.shape);
    Matrix logit_grad(example.targets.size(), training.shape.vocab_size);
    forward(training.shape, training.weights, example.inputs, 0, act);
    const float loss = cross_entropy(act.logits, example.targets, logit_grad);
    if (!std::isfinite(loss)) {
        return std::numeric_limits<float>::quiet_NaN();
    }
    adam_step(training,
              backward(training.shape, training.weights, act, example.inputs, logit_grad));
    return loss;
}

}  // namespace ugpt::reference

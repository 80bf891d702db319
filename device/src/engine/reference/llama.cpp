#include "engine/reference/llama.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/reference/math.h"

namespace ugpt::reference {

namespace {

using Vector = std::vector<float>;

constexpr std::size_t kGroup = 256;  // columns with a scale of their own

// 2^(e - 14) with e the exponent of the largest magnitude, but at least -100; and the values in
// that unit, rounded to the nearest even integer, at most 32767. NaN and zeros if a value is not
// finite.
Quantised quantise(const Vector& x) {
    float largest = 0.0f;
    for (const float value : x) {
        if (!std::isfinite(value)) {
            return {std::vector<int>(x.size()), std::numeric_limits<float>::quiet_NaN()};
        }
        largest = std::max(largest, std::fabs(value));
    }
    int exponent = -100;
    while (exponent < 127 && largest >= std::ldexp(2.0f, exponent)) {
        ++exponent;
    }
    Quantised result{{}, std::ldexp(1.0f, exponent - 14)};
    for (const float value : x) {
        const float rounded = std::nearbyint(value * std::ldexp(1.0f, 14 - exponent));
        result.shorts.push_back(static_cast<int>(std::clamp(rounded, -32767.0f, 32767.0f)));
    }
    return result;
}

// W x, or y + W x: for f32 a chain of fma over the columns, for q8 over groups of columns, whose
// sums are exact.
void multiply(const LlamaMatrix& w, const Vector& x, Vector& y, bool add) {
    const Quantised integers = w.is_q8() ? quantise(x) : Quantised{};
    for (std::size_t row = 0; row < w.rows; ++row) {
        float element = add ? y[row] : 0.0f;
        if (!w.is_q8()) {
            for (std::size_t col = 0; col < w.cols; ++col) {
                element = fma(w.values[row * w.cols + col], x[col], element);
            }
        } else {
            for (std::size_t begin = 0; begin < w.cols; begin += kGroup) {
                std::int32_t sum = 0;
                for (std::size_t col = begin; col < std::min(begin + kGroup, w.cols); ++col) {
                    sum += w.weights[row * w.cols + col] * integers.shorts[col];
                }
                const float scale = w.scales[begin / kGroup * w.rows + row];
                element = fma(static_cast<float>(sum), scale * integers.unit, element);
            }
        }
        y[row] = element;
    }
}

Vector norm(const Vector& x, const Vector& gains, float epsilon) {
    float squares = 0.0f;
    for (const float value : x) {
        squares = fma(value, value, squares);
    }
    const float inverse_width = reciprocal(static_cast<float>(x.size()));
    const float scale = inverse_root(fma(squares, inverse_width, epsilon));
    Vector y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        y[i] = x[i] * scale * gains[i];
    }
    return y;
}

// Cosine and sine of an angle in units of 2^-64 of a turn: polynomials within an eighth of a turn
// from the nearest quarter.
std::pair<float, float> rotation(std::uint64_t angle) {
    const std::uint64_t quarter = (angle + (std::uint64_t{1} << 61)) >> 62;
    const std::uint64_t rest = (angle - (quarter << 62)) >> 32;
    const auto units = static_cast<std::int32_t>(static_cast<std::uint32_t>(rest));
    const float x = static_cast<float>(units) * 0x1.921fb6p-30f;
    const float z = x * x;
    float s = -1.9515296e-4f;
    s = fma(s, z, 8.332161e-3f);
    s = fma(s, z, -0.16666655f);
    float c = 2.4433157e-5f;
    c = fma(c, z, -1.3887316e-3f);
    c = fma(c, z, 0.041666646f);
    const float sine = fma(x * z, s, x);
    const float cosine = fma(z * z, c, fma(-0.5f, z, 1.0f));
    const std::pair<float, float> quarters[] = {
        {cosine, sine}, {-sine, cosine}, {-cosine, -sine}, {sine, -cosine}};
    return quarters[quarter % 4];
}

// Turns the pairs of neighbours in every head.
void rotate(Vector& x, const std::vector<std::uint64_t>& steps, std::size_t position) {
    for (std::size_t i = 0; i < x.size(); i += 2) {
        const auto [cosine, sine] = rotation(steps[i / 2 % steps.size()] * position);
        const float a = x[i], b = x[i + 1];
        x[i] = fma(a, cosine, -(b * sine));
        x[i + 1] = fma(a, sine, b * cosine);
    }
}

}  // namespace

Llama::Llama(const LlamaShape& shape, LlamaWeights weights)
    : shape_(shape), weights_(std::move(weights)), keys_(shape.n_layer), values_(shape.n_layer) {}

void Llama::attend(const LlamaLayer& w, std::size_t l, Vector& residual) {
    const std::size_t head_dim = shape_.n_embd / shape_.n_head;
    const std::size_t width = head_dim * shape_.n_kv_head;
    const std::size_t position = keys_[l].size();
    const Vector input = norm(residual, w.attention_norm, shape_.norm_epsilon);
    Vector query(shape_.n_embd), key(width), value(width), mixed(shape_.n_embd);
    multiply(w.wq, input, query, false);
    multiply(w.wk, input, key, false);
    multiply(w.wv, input, value, false);
    rotate(query, weights_.rope_steps, position);
    rotate(key, weights_.rope_steps, position);
    keys_[l].push_back(quantise(key));
    values_[l].push_back(quantise(value));

    const float scale = inverse_root(static_cast<float>(head_dim));
    for (std::size_t head = 0; head < shape_.n_head; ++head) {
        const std::size_t q = head * head_dim;
        const std::size_t kv = head / (shape_.n_head / shape_.n_kv_head) * head_dim;
        Vector weights;
        for (const Quantised& cached : keys_[l]) {
            float score = 0.0f;
            for (std::size_t d = 0; d < head_dim; ++d) {
                score = fma(query[q + d], static_cast<float>(cached.shorts[kv + d]), score);
            }
            weights.push_back(score * cached.unit);
        }
        const float maximum = *std::max_element(weights.begin(), weights.end());
        float sum = 0.0f;
        for (std::size_t t = 0; t <= position; ++t) {
            weights[t] = exponential((weights[t] - maximum) * scale);
            sum = sum + weights[t];
            weights[t] = weights[t] * values_[l][t].unit;
        }
        for (std::size_t d = 0; d < head_dim; ++d) {
            float element = 0.0f;
            for (std::size_t t = 0; t <= position; ++t) {
                const int cached = values_[l][t].shorts[kv + d];
                element = fma(weights[t], static_cast<float>(cached), element);
            }
            mixed[q + d] = element * reciprocal(sum);
        }
    }
    multiply(w.wo, mixed, residual, true);
}

void Llama::feed_forward(const LlamaLayer& w, Vector& residual) const {
    const Vector input = norm(residual, w.mlp_norm, shape_.norm_epsilon);
    Vector gate(shape_.n_hidden), up(shape_.n_hidden);
    multiply(w.w1, input, gate, false);
    multiply(w.w3, input, up, false);
    for (std::size_t i = 0; i < gate.size(); ++i) {
        const float sigmoid = reciprocal(1.0f + exponential(-std::max(gate[i], -86.0f)));
        gate[i] = gate[i] * sigmoid * up[i];
    }
    multiply(w.w2, gate, residual, true);
}

std::vector<float> Llama::next(std::size_t token) {
    Vector residual(shape_.n_embd);
    const LlamaMatrix& embedding = weights_.embedding;
    for (std::size_t i = 0; i < residual.size(); ++i) {
        const std::size_t at = token * embedding.cols + i;
        residual[i] = embedding.is_q8() ? static_cast<float>(embedding.weights[at]) *
                                              embedding.scales[i / kGroup * embedding.rows + token]
                                        : embedding.values[at];
    }
    for (std::size_t l = 0; l < shape_.n_layer; ++l) {
        attend(weights_.layers[l], l, residual);
        feed_forward(weights_.layers[l], residual);
    }
    const Vector input = norm(residual, weights_.final_norm, shape_.norm_epsilon);
    Vector logits(shape_.vocab_size);
    multiply(weights_.classifier, input, logits, false);
    return logits;
}

}  // namespace ugpt::reference

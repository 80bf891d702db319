// Drawing texts from the model, a token at a time: keys and values of earlier positions stay where
// the forward pass left them.
#include "engine/numeric/math.h"
#include "engine/numeric/random.h"
#include "engine/train/model.h"

namespace ugpt::engine {

float Model::draw(const SampleRequest& request, std::size_t drawn) const {
    return drawn < request.uniforms.size()
               ? request.uniforms[drawn]
               : random_uniform(request.seed, request.number, drawn);
}

// The token where the running sum of probabilities passes `uniform`; their common factor is left out
// on both sides. The logits become the running sums.
Token Model::choose(std::size_t position, float inverse_temperature, float uniform) {
    const std::size_t stride = network_.stride;
    const std::size_t vocabulary = network_.shape.vocab_size;
    float* logits = network_.logits + position;
    float maximum = logits[0];
    for (std::size_t v = 1; v < vocabulary; ++v) {
        maximum = ScalarLanes::max(logits[v * stride], maximum);
    }
    const Exponential<ScalarLanes> exponential;
    float sum = 0.0f;
    for (std::size_t v = 0; v < vocabulary; ++v) {
        sum = sum + exponential((logits[v * stride] - maximum) * inverse_temperature);
        logits[v * stride] = sum;
    }
    const float bound = uniform * sum;
    std::size_t chosen = 0;
    while (chosen + 1 < vocabulary && !(logits[chosen * stride] > bound)) {
        ++chosen;
    }
    return static_cast<Token>(chosen);
}

Sample Model::sample(const SampleRequest& request, std::span<Token> out) {
    const std::size_t prompt = request.prompt.size();
    const float inverse_temperature = reciprocal<ScalarLanes>(request.temperature);
    Sample sample;
    Token token = network_.shape.bos();
    for (std::size_t t = 0; t < network_.shape.block_size; ++t) {
        kernels_->decode(network_, token, t);
        if (t < prompt) {
            token = request.prompt[t];
            continue;
        }
        token = choose(t, inverse_temperature, draw(request, t - prompt));
        if (token == network_.shape.bos()) {
            sample.ended = true;
            break;
        }
        out[sample.length++] = token;
    }
    enter(network_, Phase::outside);
    return sample;
}

}  // namespace ugpt::engine

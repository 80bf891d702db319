// Draws texts from the model, a token at a time. Keys and values of earlier positions stay where
// the forward pass put them.
#include "engine/numeric/random.h"
#include "engine/sampling/sampler.h"
#include "engine/train.h"
#include "engine/train/model_state.h"

namespace ugpt::engine {

namespace {

float uniform_of(const SampleRequest& request, std::size_t drawn) {
    return drawn < request.uniforms.size()
               ? request.uniforms[drawn]
               : random_uniform(request.seed, request.sample_index, drawn);
}

}  // namespace

Sample Model::sample(const SampleRequest& request, std::span<Token> out) {
    const std::size_t prompt = request.prompt.size();
    const Network& net = state_->network;
    const Shape& shape = net.shape;
    const Sampler sampler(
        {.temperature = request.temperature, .top_k = request.top_k, .top_p = request.top_p});
    Sample sample;
    Token token = shape.bos();
    for (std::size_t t = 0; t < shape.block_size; ++t) {
        state_->kernels->decode(net, token, t);
        if (t < prompt) {
            token = request.prompt[t];
            continue;
        }
        const Logits logits{net.logits + t, net.stride, shape.vocab_size};
        token = static_cast<Token>(sampler.draw(logits, uniform_of(request, t - prompt)));
        if (token == shape.bos()) {
            sample.ended = true;
            break;
        }
        out[sample.length++] = token;
    }
    enter(net, Phase::outside);
    return sample;
}

}  // namespace ugpt::engine

// Runs the plain reference on what it reads, as driver.cpp runs the engine.
#include "driver_io.h"
#include "engine/reference/training.h"

using namespace ugpt::reference;
using namespace ugpt::driver;

namespace {

Training training_of(const Request& asked) {
    if (asked.recipe.batch != 1 || asked.recipe.clip_norm != 0.0f ||
        asked.recipe.moments != ugpt::engine::MomentFormat::f32) {
        fail("the reference knows no batches, no clipping and no packed moments");
    }
    return {{.n_layer = asked.shape.n_layer,
             .n_embd = asked.shape.n_embd,
             .n_head = asked.shape.n_head,
             .block_size = asked.shape.block_size,
             .vocab_size = asked.shape.vocab_size},
            {.learning_rate = asked.recipe.learning_rate,
             .beta1 = asked.recipe.beta1,
             .beta2 = asked.recipe.beta2,
             .epsilon = asked.recipe.epsilon,
             .total_steps = asked.recipe.total_steps,
             .schedule = static_cast<Schedule>(asked.recipe.schedule),
             .warmup_steps = asked.recipe.warmup_steps,
             .weight_decay = asked.recipe.weight_decay}};
}

}  // namespace

int main() {
    const Request asked = take_request();
    Training training = training_of(asked);
    if (asked.init_std > 0) {
        init_weights(training.weights, asked.seed, asked.init_std);
    } else {
        for (Matrix* matrix : training.weights.matrices()) {
            matrix->values = take<float>(matrix->values.size());
        }
    }
    for (std::uint32_t i = 0; i < asked.documents; ++i) {
        give_loss(train_step(training, take_document()));
    }
    for (Parameters* kind : {&training.weights, &training.first_moment, &training.second_moment}) {
        for (const Matrix* matrix : kind->matrices()) {
            give<float>(matrix->values);
        }
    }
    for (std::uint32_t i = 0; i < asked.held_out; ++i) {
        give_loss(evaluate(training, take_document()));
    }
    for (std::uint32_t i = 0; i < asked.samples; ++i) {
        SampleRequest request;
        request.temperature = asked.temperature;
        request.uniforms = take<float>(asked.shape.block_size);
        give_sample(draw_text(training.shape, training.weights, request));
    }
    return 0;
}

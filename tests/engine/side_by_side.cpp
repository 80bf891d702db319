#include "side_by_side.h"

#include <algorithm>

#include "engine/numeric/random.h"
#include "engine/train/kernels.h"

namespace ugpt::check {

namespace {

using engine::bits_of;

std::string text_of(const char* format, auto... values) {
    char text[300];
    std::snprintf(text, sizeof text, format, values...);
    return text;
}

reference::Shape reference_shape(const engine::Shape& shape) {
    return {.n_layer = shape.n_layer,
            .n_embd = shape.n_embd,
            .n_head = shape.n_head,
            .block_size = shape.block_size,
            .vocab_size = shape.vocab_size};
}

reference::Recipe reference_recipe(const engine::Recipe& recipe) {
    return {.learning_rate = recipe.learning_rate,
            .beta1 = recipe.beta1,
            .beta2 = recipe.beta2,
            .epsilon = recipe.epsilon,
            .total_steps = recipe.total_steps,
            .schedule = static_cast<reference::Schedule>(recipe.schedule),
            .warmup_steps = recipe.warmup_steps,
            .weight_decay = recipe.weight_decay};
}

// The bits of a float, with every NaN the same.
std::uint32_t comparable(float x) {
    return x == x ? bits_of(x) : 0x7fc00000u;
}

// The reference's values of each of the engine's parameters: it keeps attn_wq, attn_wk and attn_wv
// in one matrix.
std::vector<float*> values_of(reference::Parameters& parameters) {
    std::vector<float*> all{parameters.wte[0], parameters.wpe[0], parameters.lm_head[0]};
    for (reference::Layer& layer : parameters.layers) {
        const std::size_t width = layer.attn_wo.rows;
        for (float* values :
             {layer.attn_wqkv[0], layer.attn_wqkv[width], layer.attn_wqkv[2 * width],
              layer.attn_wo[0], layer.mlp_fc1[0], layer.mlp_fc2[0]}) {
            all.push_back(values);
        }
    }
    return all;
}

// A number from 2^-127 to 1.
float any_magnitude(std::uint64_t stream, std::uint64_t counter) {
    return engine::float_of(0x00400000u + random_number(stream, counter, 0x3f400000u));
}

}  // namespace

std::uint32_t random_number(std::uint64_t stream, std::uint64_t counter, std::uint32_t below) {
    return static_cast<std::uint32_t>(engine::random_bits(2024, stream, counter) >> 16) % below;
}

std::string Start::describe() const {
    return text_of(
        "n_layer %u, n_embd %u, n_head %u, block_size %u, vocab_size %u, seed %llu, "
        "init_std %g, learning_rate %g, beta1 %g, beta2 %g, epsilon %g, total_steps %u, "
        "schedule %u, warmup_steps %u, weight_decay %g, from step %u on",
        shape.n_layer, shape.n_embd, shape.n_head, shape.block_size, shape.vocab_size,
        static_cast<unsigned long long>(seed), static_cast<double>(init_std),
        static_cast<double>(recipe.learning_rate), static_cast<double>(recipe.beta1),
        static_cast<double>(recipe.beta2), static_cast<double>(recipe.epsilon), recipe.total_steps,
        static_cast<unsigned>(recipe.schedule), recipe.warmup_steps,
        static_cast<double>(recipe.weight_decay), completed_steps);
}

SideBySide::SideBySide(const Start& start)
    : start_(start), reference_(reference_shape(start.shape), reference_recipe(start.recipe)) {
    reference::init_weights(reference_.weights, start.seed, start.init_std);
    const engine::KernelList list = engine::available_kernels();
    for (std::size_t i = 0; list.sets[i] != nullptr; ++i) {
        add(*list.sets[i], false);
        if (start.shape.n_layer > 1) {  // a single layer is never recomputed
            add(*list.sets[i], true);
        }
    }
    if (start.completed_steps > 0) {
        set_moments();
    }
    compare_state();
}

void SideBySide::add(const engine::Kernels& kernels, bool recompute) {
    Contestant& added = contestants_.emplace_back();
    added.name = kernels.name + std::string(recompute ? ", recomputed" : "");
    engine::Recipe recipe = start_.recipe;
    recipe.activation_checkpointing = recompute;
    const std::size_t unlimited = std::numeric_limits<std::size_t>::max() / 2;
    const engine::Plan plan =
        engine::Model::plan(start_.shape, recipe, engine::Arena::measuring({&unlimited, 1}));
    added.memory.resize(plan.total_bytes + engine::Arena::kAlignment);
    const std::span<std::byte> block(added.memory);
    engine::Arena arena(std::span(&block, 1));
    if (!added.model.create(start_.shape, recipe, arena)) {
        report(added, "the model was not created");
    } else if (!added.model.use_kernels(kernels)) {
        contestants_.pop_back();  // its vectors do not divide the stride of positions
    } else {
        added.model.init_weights(start_.seed, start_.init_std);
    }
}

void SideBySide::set_moments() {
    const auto firsts = values_of(reference_.first_moment);
    const auto seconds = values_of(reference_.second_moment);
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < firsts.size(); ++i) {
        const std::size_t count = contestants_[0].model.parameter(i).size();
        for (std::size_t k = 0; k < count; ++k, ++number) {
            const bool negative = random_number(start_.seed + 1, number, 2) == 0;
            const float first = any_magnitude(start_.seed + 2, number);
            firsts[i][k] = negative ? -first : first;
            seconds[i][k] = any_magnitude(start_.seed + 3, number);
        }
        for (Contestant& each : contestants_) {
            const engine::Parameter& parameter = each.model.parameter(i);
            each.model.write(parameter, engine::TensorKind::first_moment, 0, {firsts[i], count});
            each.model.write(parameter, engine::TensorKind::second_moment, 0, {seconds[i], count});
        }
    }
    reference_.step = start_.completed_steps;
    for (Contestant& each : contestants_) {
        each.model.set_step(start_.completed_steps);
    }
}

float SideBySide::train(std::span<const engine::Token> text) {
    const float expected = reference::train_step(reference_, text);
    for (Contestant& each : contestants_) {
        if (same_) {
            compare_losses("the loss", expected, each.model.train_step(text), each);
        }
    }
    compare_state();
    return expected;
}

void SideBySide::evaluate(std::span<const engine::Token> text) {
    const float expected = reference::evaluate(reference_, text);
    for (Contestant& each : contestants_) {
        if (same_) {
            compare_losses("the loss of a held-out text", expected, each.model.evaluate(text),
                           each);
        }
    }
}

std::size_t SideBySide::sample(const engine::SampleRequest& request) {
    const reference::SampleRequest asked{
        .seed = request.seed,
        .sample_index = request.sample_index,
        .temperature = request.temperature,
        .top_k = request.top_k,
        .top_p = request.top_p,
        .prompt = {request.prompt.begin(), request.prompt.end()},
        .uniforms = {request.uniforms.begin(), request.uniforms.end()}};
    const auto expected = reference::draw_text(reference_.shape, reference_.weights, asked);
    const bool ended = request.prompt.size() + expected.size() < reference_.shape.block_size;
    for (Contestant& each : contestants_) {
        std::vector<engine::Token> drawn(reference_.shape.block_size);
        const engine::Sample sample = each.model.sample(request, drawn);
        drawn.resize(sample.length);
        const auto differs = std::ranges::mismatch(drawn, expected);
        if (same_ && (drawn != expected || sample.ended != ended)) {
            report(each, text_of("text %u of %zu tokens, behind a prompt of %zu: %zu tokens of the "
                                 "reference's %zu, of which the first %td are the same",
                                 request.sample_index, drawn.size(), request.prompt.size(),
                                 drawn.size(), expected.size(), differs.in1 - drawn.begin()));
        }
    }
    return expected.size();
}

float SideBySide::poke(std::size_t parameter, std::size_t index, float value) {
    float& weight = values_of(reference_.weights)[parameter][index];
    const float before = weight;
    weight = value;
    for (Contestant& each : contestants_) {
        each.model.write(each.model.parameter(parameter), engine::TensorKind::weights, index,
                         {&value, 1});
    }
    return before;
}

void SideBySide::compare_state() {
    const auto weights = values_of(reference_.weights);
    const auto firsts = values_of(reference_.first_moment);
    const auto seconds = values_of(reference_.second_moment);
    for (const Contestant& each : contestants_) {
        for (std::size_t i = 0; i < each.model.parameter_count() && same_; ++i) {
            compare(each, i, "weights", engine::TensorKind::weights, weights[i]);
            compare(each, i, "first moment", engine::TensorKind::first_moment, firsts[i]);
            compare(each, i, "second moment", engine::TensorKind::second_moment, seconds[i]);
        }
        if (same_ && each.model.step() != reference_.step) {
            report(each, text_of("%u steps are completed", each.model.step()));
        }
    }
}

void SideBySide::compare(const Contestant& engine, std::size_t parameter, const char* kind,
                         engine::TensorKind tensor, const float* expected) {
    const engine::Parameter matrix = engine.model.parameter(parameter);
    std::vector<float> actual(matrix.size());
    engine.model.read(matrix, tensor, 0, actual);
    for (std::size_t i = 0; i < actual.size() && same_; ++i) {
        if (comparable(actual[i]) != comparable(expected[i])) {
            const std::size_t cols = matrix.cols;
            report(engine, text_of("%s [%zu][%zu] of %s is 0x%08x instead of 0x%08x", kind,
                                   i / cols, i % cols, name_of(parameter).c_str(),
                                   bits_of(actual[i]), bits_of(expected[i])));
        }
    }
}

void SideBySide::compare_losses(const char* what, float expected, float actual,
                                const Contestant& engine) {
    if (comparable(expected) != comparable(actual)) {
        report(engine,
               text_of("%s is 0x%08x instead of 0x%08x", what, bits_of(actual), bits_of(expected)));
    }
}

void SideBySide::report(const Contestant& engine, const std::string& what) {
    if (same_) {
        std::printf("  %s\n  %s: after step %u: %s\n", start_.describe().c_str(),
                    engine.name.c_str(), reference_.step, what.c_str());
    }
    same_ = false;
}

std::string SideBySide::name_of(std::size_t parameter) const {
    const char* const of_model[] = {"wte", "wpe", "lm_head"};
    const char* const of_layer[] = {"attn_wq", "attn_wk", "attn_wv",
                                    "attn_wo", "mlp_fc1", "mlp_fc2"};
    if (parameter < 3) {
        return of_model[parameter];
    }
    return text_of("layer%zu.%s", (parameter - 3) / 6, of_layer[(parameter - 3) % 6]);
}

}  // namespace ugpt::check

#include <algorithm>
#include <limits>

#include "engine/engine.h"
#include "engine/numeric/bits.h"
#include "engine/numeric/math.h"
#include "engine/numeric/random.h"
#include "engine/train/layout.h"
#include "engine/train/model_state.h"
#include "engine/train/moments.h"
#include "engine/train/parts.h"

namespace ugpt::engine {

namespace {

constexpr ModelState kNoModel{};

void clear_moments(const ModelState& model) {
    const MomentFormat format = model.recipe.moments;
    for_each_matrix(model.network, [format](const Matrix& matrix) {
        const auto words = static_cast<std::size_t>(moment_words(format, matrix.size()));
        for (const Moments& moments : {matrix.first_moment, matrix.second_moment}) {
            if (format == MomentFormat::f32) {
                std::fill_n(moments.values, words, 0.0f);
            } else {
                std::fill_n(moments.words, words, 0u);
            }
        }
    });
}

// Tiny moments become +0, so that they do not stay denormal. Packed ones are never that small.
void flush_tiny(const ModelState& model) {
    if (model.recipe.moments != MomentFormat::f32) {
        return;
    }
    for_each_matrix(model.network, [](const Matrix& matrix) {
        float* first = matrix.first_moment.values;
        float* second = matrix.second_moment.values;
        for (std::size_t i = 0; i < matrix.size(); ++i) {
            first[i] = first[i] < AdamStep::kTinyFirst && -first[i] < AdamStep::kTinyFirst
                           ? 0.0f
                           : first[i];
            second[i] = second[i] < AdamStep::kTinySecond ? 0.0f : second[i];
        }
    });
}

Document document_of(const Shape& shape, std::span<const Token> text) {
    const std::size_t positions = std::min<std::size_t>(shape.block_size, text.size() + 1);
    return {text, shape.bos(), positions};
}

void finish_step(ModelState& model) {
    ++model.step;
    if (model.step % AdamStep::kFlushEvery == 0) {
        flush_tiny(model);
    }
    enter(model.network, Phase::outside);
}

// The step with the gradients and losses that were accumulated.
float step_with_accumulated_gradients(ModelState& model) {
    const float average = reciprocal<ScalarLanes>(static_cast<float>(model.documents));
    const float loss = model.loss_sum * average;
    model.documents = 0;
    if (!is_finite(loss)) {
        return std::numeric_limits<float>::quiet_NaN();
    }
    enter(model.network, Phase::adam);
    float factor = average;
    if (model.recipe.clip_norm > 0.0f) {
        // The norm of the sum of gradients; that of their mean is `average` times as large.
        const float squares = model.kernels->sum_of_squares(model.network);
        if (!is_finite(squares)) {
            enter(model.network, Phase::outside);
            return std::numeric_limits<float>::quiet_NaN();
        }
        constexpr float kTooSmallToClip = 0x1p-100f;
        if (squares > kTooSmallToClip) {
            const float inverse_norm = inverse_root<ScalarLanes>(squares);
            factor = std::min(average, model.recipe.clip_norm * inverse_norm);
        }
    }
    model.correction.advance(model.recipe);
    const AdamStep step = AdamStep::at(model.step, model.correction, model.recipe);
    model.kernels->apply_accumulated_gradients(model.network, step, factor);
    finish_step(model);
    return loss;
}

}  // namespace

const ModelState& Model::state() const {
    return empty() ? kNoModel : *state_;
}

Plan Model::plan(const Shape& shape, const Recipe& recipe, Arena arena) {
    return lay_out(shape, recipe, arena).plan;
}

bool Model::create(const Shape& shape, const Recipe& recipe, Arena& arena) {
    state_ = shape.valid() ? lay_out(shape, recipe, arena).state : nullptr;
    return !empty();
}

const Shape& Model::shape() const {
    return state().network.shape;
}

const Recipe& Model::recipe() const {
    return state().recipe;
}

std::uint32_t Model::step() const {
    return state().step;
}

void Model::init_weights(std::uint64_t seed, float init_std) {
    std::uint64_t index = 0;
    for_each_matrix(state_->network, [&](const Matrix& matrix) {
        for (std::size_t i = 0; i < matrix.size(); ++i) {
            matrix.weights[i] = random_normal(seed, 0, index++) * init_std;
        }
    });
    clear_moments(*state_);
    set_step(0);
}

void Model::set_step(std::uint32_t step) {
    state_->step = step;
    state_->correction = BiasCorrection::after(step, state_->recipe);
    state_->documents = 0;
}

float Model::evaluate(std::span<const Token> text) {
    const Network& net = state_->network;
    const float loss = state_->kernels->forward(net, document_of(net.shape, text));
    enter(net, Phase::outside);
    return loss;
}

void Model::accumulate(std::span<const Token> text) {
    ModelState& model = *state_;
    const Document added = document_of(model.network.shape, text);
    const bool first = model.documents == 0;
    const float loss = model.kernels->forward(model.network, added);
    model.loss_sum = first ? loss : model.loss_sum + loss;
    if (is_finite(model.loss_sum)) {
        model.kernels->backward(model.network, {.adam = nullptr, .first = first}, added);
    }
    ++model.documents;
    enter(model.network, Phase::outside);
}

float Model::train_step(std::span<const Token> text) {
    ModelState& model = *state_;
    if (accumulates_gradients(model.recipe)) {
        accumulate(text);
        return step_with_accumulated_gradients(model);
    }
    const Document trained = document_of(model.network.shape, text);
    const float loss = model.kernels->forward(model.network, trained);
    if (!is_finite(loss)) {
        enter(model.network, Phase::outside);
        return std::numeric_limits<float>::quiet_NaN();
    }
    enter(model.network, Phase::adam);
    model.correction.advance(model.recipe);
    const AdamStep step = AdamStep::at(model.step, model.correction, model.recipe);
    model.kernels->backward(model.network, {.adam = &step}, trained);
    finish_step(model);
    return loss;
}

const Kernels& Model::kernels() const {
    return *state_->kernels;
}

bool Model::use_kernels(const Kernels& kernels) {
    if (state_->network.stride % kernels.lanes != 0) {
        return false;
    }
    state_->kernels = &kernels;
    return true;
}

void Model::observe(PhaseObserver* observer) {
    if (!empty()) {
        state_->network.observer = observer;
    }
}

}  // namespace ugpt::engine

#include "engine/model.h"

#include <algorithm>
#include <limits>

#include "engine/bits.h"
#include "engine/layout.h"
#include "engine/random.h"

namespace ugpt::engine {

namespace {

constexpr std::size_t kGlobalParameters = 3;
constexpr std::size_t kLayerParameters = 6;
constexpr std::array<std::string_view, kGlobalParameters> kGlobalNames{"wte", "wpe", "lm_head"};
constexpr std::array<std::string_view, kLayerParameters> kLayerNames{
    "attn_wq", "attn_wk", "attn_wv", "attn_wo", "mlp_fc1", "mlp_fc2"};

// Moments too small to matter become +0 before they turn denormal.
void flush_tiny(std::span<const Parameter> parameters) {
    for (const Parameter& parameter : parameters) {
        for (float& m : parameter.first_moment) {
            m = m < AdamStep::kTinyFirst && -m < AdamStep::kTinyFirst ? 0.0f : m;
        }
        for (float& v : parameter.second_moment) {
            v = v < AdamStep::kTinySecond ? 0.0f : v;
        }
    }
}

// Removes a prefix; false where `text` does not start with it.
bool strip(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    return true;
}

// Removes decimal digits without leading zeros.
bool strip_number(std::string_view& text, std::size_t& number) {
    std::size_t digits = 0;
    number = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9' && digits < 6) {
        number = number * 10 + static_cast<std::size_t>(text[digits] - '0');
        ++digits;
    }
    const bool plain = digits == 1 || (digits > 1 && text[0] != '0');
    text.remove_prefix(digits);
    return plain;
}

}  // namespace

std::span<float> Parameter::values(TensorKind kind) const {
    switch (kind) {
        case TensorKind::weights: return weights;
        case TensorKind::first_moment: return first_moment;
        case TensorKind::second_moment: return second_moment;
    }
    return {};
}

Plan Model::plan(const Shape& shape, const Recipe&, Arena arena) {
    return lay_out(shape, arena).plan;
}

bool Model::create(const Shape& shape, const Recipe& recipe, Arena& arena) {
    *this = Model();
    if (!shape.valid()) {
        return false;
    }
    const Layout layout = lay_out(shape, arena);
    if (layout.parameters.empty()) {
        return false;
    }
    network_ = layout.network;
    parameters_ = layout.parameters;
    recipe_ = recipe;
    kernels_ = &best_kernels(network_.stride);
    return true;
}

bool Model::empty() const {
    return parameters_.empty();
}

const Shape& Model::shape() const {
    return network_.shape;
}

const Recipe& Model::recipe() const {
    return recipe_;
}

std::uint32_t Model::step() const {
    return step_;
}

void Model::init_weights(std::uint64_t seed, float deviation) {
    std::uint64_t index = 0;
    for (const Parameter& parameter : parameters_) {
        for (float& weight : parameter.weights) {
            weight = random_normal(seed, 0, index++) * deviation;
        }
        std::ranges::fill(parameter.first_moment, 0.0f);
        std::ranges::fill(parameter.second_moment, 0.0f);
    }
    seek(0);
}

void Model::seek(std::uint32_t step) {
    step_ = step;
    correction_ = BiasCorrection::after(step, recipe_);
}

std::size_t Model::parameter_count() const {
    return parameters_.size();
}

const Parameter& Model::parameter(std::size_t index) const {
    return parameters_[index];
}

const Parameter* Model::find(std::string_view name) const {
    for (std::size_t i = 0; i < kGlobalParameters && !empty(); ++i) {
        if (name == kGlobalNames[i]) {
            return &parameters_[i];
        }
    }
    std::size_t layer = 0;
    if (!strip(name, "layer") || !strip_number(name, layer) || !strip(name, ".") ||
        layer >= network_.layers.size()) {
        return nullptr;
    }
    for (std::size_t i = 0; i < kLayerParameters; ++i) {
        if (name == kLayerNames[i]) {
            return &parameters_[kGlobalParameters + layer * kLayerParameters + i];
        }
    }
    return nullptr;
}

void Model::read(const Parameter& parameter, TensorKind kind, std::size_t offset,
                 std::span<float> out) const {
    std::ranges::copy(parameter.values(kind).subspan(offset, out.size()), out.begin());
}

void Model::write(const Parameter& parameter, TensorKind kind, std::size_t offset,
                  std::span<const float> values) {
    std::ranges::copy(values, parameter.values(kind).subspan(offset, values.size()).begin());
}

float Model::train_step(std::span<const Token> text) {
    const std::size_t positions =
        std::min<std::size_t>(network_.shape.block_size, text.size() + 1);
    const Document document{text, network_.shape.bos(), positions};
    const float loss = kernels_->forward(network_, document);
    if (!is_finite(loss)) {
        enter(network_, Phase::outside);
        return std::numeric_limits<float>::quiet_NaN();
    }
    enter(network_, Phase::adam);
    correction_.advance(recipe_);
    kernels_->backward(network_, AdamStep::at(step_, correction_, recipe_), document);
    ++step_;
    if (step_ % AdamStep::kFlushEvery == 0) {
        flush_tiny(parameters_);
    }
    enter(network_, Phase::outside);
    return loss;
}

bool Model::use_kernels(const Kernels& kernels) {
    if (network_.stride % kernels.lanes != 0) {
        return false;
    }
    kernels_ = &kernels;
    return true;
}

}  // namespace ugpt::engine

#include "engine/train/model.h"

#include <algorithm>
#include <limits>

#include "engine/numeric/bits.h"
#include "engine/numeric/math.h"
#include "engine/numeric/random.h"
#include "engine/train/layout.h"
#include "engine/train/moments.h"

namespace ugpt::engine {

namespace {

constexpr std::size_t kGlobalParameters = 3;
constexpr std::size_t kLayerParameters = 6;
constexpr std::array<std::string_view, kGlobalParameters> kGlobalNames{"wte", "wpe", "lm_head"};
constexpr std::array<std::string_view, kLayerParameters> kLayerNames{
    "attn_wq", "attn_wk", "attn_wv", "attn_wo", "mlp_fc1", "mlp_fc2"};

// Moments too small to matter become +0 before they turn denormal. Packed ones are never kept.
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

// f(begin, count) for the pieces of [offset, offset + count), none across the end of a block.
template <typename Function>
void for_each_block(std::size_t offset, std::size_t count, Function f) {
    const std::size_t end = offset + count;
    while (offset < end) {
        const std::size_t next = std::min(end, (offset / kMomentBlock + 1) * kMomentBlock);
        f(offset, next - offset);
        offset = next;
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

Plan Model::plan(const Shape& shape, const Recipe& recipe, Arena arena) {
    return lay_out(shape, recipe, arena).plan;
}

bool Model::create(const Shape& shape, const Recipe& recipe, Arena& arena) {
    *this = Model();
    if (!shape.valid()) {
        return false;
    }
    const Layout layout = lay_out(shape, recipe, arena);
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
        std::ranges::fill(parameter.first_packed, 0u);
        std::ranges::fill(parameter.second_packed, 0u);
    }
    seek(0);
}

void Model::seek(std::uint32_t step) {
    step_ = step;
    correction_ = BiasCorrection::after(step, recipe_);
    documents_ = 0;
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
    if (kind == TensorKind::weights) {
        std::ranges::copy(parameter.weights.subspan(offset, out.size()), out.begin());
        return;
    }
    const bool is_first = kind == TensorKind::first_moment;
    const auto unpack = is_first ? unpack_moments<Moment::first> : unpack_moments<Moment::second>;
    const auto packed = is_first ? parameter.first_packed : parameter.second_packed;
    float* next = out.data();
    for_each_block(offset, out.size(), [&](std::size_t begin, std::size_t count) {
        float block[kMomentBlock];
        const std::size_t skipped = begin % kMomentBlock;
        unpack(recipe_.moments, packed.data(), parameter.size(), begin - skipped, skipped + count,
               block);
        next = std::copy_n(block + skipped, count, next);
    });
}

void Model::write(const Parameter& parameter, TensorKind kind, std::size_t offset,
                  std::span<const float> values) {
    if (kind == TensorKind::weights) {
        std::ranges::copy(values, parameter.weights.subspan(offset, values.size()).begin());
        return;
    }
    const bool is_first = kind == TensorKind::first_moment;
    const auto pack = is_first ? pack_moments<Moment::first> : pack_moments<Moment::second>;
    const auto packed = is_first ? parameter.first_packed : parameter.second_packed;
    for_each_block(offset, values.size(), [&](std::size_t begin, std::size_t count) {
        pack(recipe_.moments, packed.data(), parameter.size(), begin, count,
             values.data() + (begin - offset), Dither{});
    });
}

Document Model::document(std::span<const Token> text) const {
    const std::size_t positions =
        std::min<std::size_t>(network_.shape.block_size, text.size() + 1);
    return {text, network_.shape.bos(), positions};
}

float Model::evaluate(std::span<const Token> text) {
    const float loss = kernels_->forward(network_, document(text));
    enter(network_, Phase::outside);
    return loss;
}

void Model::accumulate(std::span<const Token> text) {
    const Document added = document(text);
    const bool first = documents_ == 0;
    const float loss = kernels_->forward(network_, added);
    loss_sum_ = first ? loss : loss_sum_ + loss;
    if (is_finite(loss_sum_)) {
        kernels_->backward(network_, {.adam = nullptr, .first = first}, added);
    }
    ++documents_;
    enter(network_, Phase::outside);
}

float Model::train_step(std::span<const Token> text) {
    if (keeps_gradients(recipe_)) {
        accumulate(text);
        return step_with_kept_gradients();
    }
    const Document trained = document(text);
    const float loss = kernels_->forward(network_, trained);
    if (!is_finite(loss)) {
        enter(network_, Phase::outside);
        return std::numeric_limits<float>::quiet_NaN();
    }
    enter(network_, Phase::adam);
    correction_.advance(recipe_);
    const AdamStep step = AdamStep::at(step_, correction_, recipe_);
    kernels_->backward(network_, {.adam = &step}, trained);
    finish_step();
    return loss;
}

float Model::step_with_kept_gradients() {
    const float average = reciprocal<ScalarLanes>(static_cast<float>(documents_));
    const float loss = loss_sum_ * average;
    documents_ = 0;
    if (!is_finite(loss)) {
        return std::numeric_limits<float>::quiet_NaN();
    }
    enter(network_, Phase::adam);
    float factor = average;
    if (recipe_.clip_norm > 0.0f) {
        // The norm of the sum of gradients; that of their mean is `average` times as large.
        const float squares = kernels_->sum_of_squares(network_);
        if (!is_finite(squares)) {
            enter(network_, Phase::outside);
            return std::numeric_limits<float>::quiet_NaN();
        }
        constexpr float kTooSmallToClip = 0x1p-100f;
        if (squares > kTooSmallToClip) {
            const float inverse_norm = inverse_root<ScalarLanes>(squares);
            factor = std::min(average, recipe_.clip_norm * inverse_norm);
        }
    }
    correction_.advance(recipe_);
    kernels_->use_kept_gradients(network_, AdamStep::at(step_, correction_, recipe_), factor);
    finish_step();
    return loss;
}

void Model::finish_step() {
    ++step_;
    if (step_ % AdamStep::kFlushEvery == 0) {
        flush_tiny(parameters_);
    }
    enter(network_, Phase::outside);
}

bool Model::use_kernels(const Kernels& kernels) {
    if (network_.stride % kernels.lanes != 0) {
        return false;
    }
    kernels_ = &kernels;
    return true;
}

}  // namespace ugpt::engine

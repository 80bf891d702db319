// The parameter matrices of a model by name, and their values.
#include <algorithm>

#include "engine/train.h"
#include "engine/train/model_state.h"
#include "engine/train/moments.h"
#include "engine/train/parts.h"

namespace ugpt::engine {

namespace {

const Matrix& matrix_at(const Network& net, std::size_t index) {
    if (index < kModelMatrices.size()) {
        return net.*kModelMatrices[index].place;
    }
    index -= kModelMatrices.size();
    const Layer& layer = net.layers[index / kLayerMatrices.size()];
    return layer.*kLayerMatrices[index % kLayerMatrices.size()].place;
}

const Moments& moments_of(const Matrix& matrix, TensorKind kind) {
    return kind == TensorKind::first_moment ? matrix.first_moment : matrix.second_moment;
}

// f(begin, count) for the pieces of [offset, offset + count) in each block.
template <typename Function>
void for_each_block(std::size_t offset, std::size_t count, Function f) {
    const std::size_t end = offset + count;
    while (offset < end) {
        const std::size_t next = std::min(end, (offset / kMomentBlock + 1) * kMomentBlock);
        f(offset, next - offset);
        offset = next;
    }
}

// Removes a prefix; false if `text` does not start with it.
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

std::size_t Model::parameter_count() const {
    return empty() ? 0
                   : kModelMatrices.size() + state_->network.layers.size() * kLayerMatrices.size();
}

Parameter Model::parameter(std::size_t index) const {
    const Matrix& matrix = matrix_at(state_->network, index);
    return {.index = index,
            .rows = static_cast<std::uint32_t>(matrix.rows),
            .cols = static_cast<std::uint32_t>(matrix.cols),
            .weights = {matrix.weights, matrix.size()}};
}

std::optional<Parameter> Model::find(std::string_view name) const {
    if (empty()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < kModelMatrices.size(); ++i) {
        if (name == kModelMatrices[i].name) {
            return parameter(i);
        }
    }
    std::size_t layer = 0;
    if (!strip(name, "layer") || !strip_number(name, layer) || !strip(name, ".") ||
        layer >= state_->network.layers.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < kLayerMatrices.size(); ++i) {
        if (name == kLayerMatrices[i].name) {
            return parameter(kModelMatrices.size() + layer * kLayerMatrices.size() + i);
        }
    }
    return std::nullopt;
}

void Model::read(const Parameter& parameter, TensorKind kind, std::size_t offset,
                 std::span<float> out) const {
    if (kind == TensorKind::weights) {
        std::ranges::copy(parameter.weights.subspan(offset, out.size()), out.begin());
        return;
    }
    const bool is_first = kind == TensorKind::first_moment;
    const auto unpack = is_first ? unpack_moments<Moment::first> : unpack_moments<Moment::second>;
    const Matrix& matrix = matrix_at(state_->network, parameter.index);
    const Moments moments = moments_of(matrix, kind);
    float* next = out.data();
    for_each_block(offset, out.size(), [&](std::size_t begin, std::size_t count) {
        float block[kMomentBlock];
        const std::size_t skipped = begin % kMomentBlock;
        unpack(state_->recipe.moments, moments, matrix.size(), begin - skipped, skipped + count,
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
    const Matrix& matrix = matrix_at(state_->network, parameter.index);
    const Moments moments = moments_of(matrix, kind);
    for_each_block(offset, values.size(), [&](std::size_t begin, std::size_t count) {
        pack(state_->recipe.moments, moments, matrix.size(), begin, count,
             values.data() + (begin - offset), Dither{});
    });
}

std::size_t Model::packed_words(const Parameter& parameter) const {
    const MomentFormat format = state_->recipe.moments;
    return format == MomentFormat::f32
               ? 0
               : static_cast<std::size_t>(moment_words(format, parameter.size()));
}

void Model::read_packed(const Parameter& parameter, TensorKind moment, std::size_t offset,
                        std::span<std::uint32_t> out) const {
    const Words words = moments_of(matrix_at(state_->network, parameter.index), moment).words;
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = words.load(offset + i);
    }
}

void Model::write_packed(const Parameter& parameter, TensorKind moment, std::size_t offset,
                         std::span<const std::uint32_t> in) {
    const Words words = moments_of(matrix_at(state_->network, parameter.index), moment).words;
    for (std::size_t i = 0; i < in.size(); ++i) {
        words.store(offset + i, in[i]);
    }
}

}  // namespace ugpt::engine

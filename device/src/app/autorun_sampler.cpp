#include "app/autorun_sampler.h"

#include <algorithm>

namespace ugpt::app {
namespace {

constexpr bool continues_character(std::byte byte) {
    return (byte & std::byte{0xC0}) == std::byte{0x80};  // UTF-8
}

// The character with id `token`: the vocabulary is the characters in id order.
std::string_view character(std::span<const std::byte> vocabulary, engine::Token token) {
    const auto next_start = [&](std::size_t at) {
        do ++at;
        while (at < vocabulary.size() && continues_character(vocabulary[at]));
        return at;
    };
    std::size_t start = 0;
    for (engine::Token id = 0; id < token && start < vocabulary.size(); ++id)
        start = next_start(start);
    if (start >= vocabulary.size()) return {};
    return {reinterpret_cast<const char*>(vocabulary.data()) + start, next_start(start) - start};
}

}  // namespace

rpc::ErrorCode AutorunSampler::set(const store::Settings& settings) {
    if (!store_.save(settings)) return rpc::ErrorCode::flash_failed;
    settings_ = settings;
    return rpc::ErrorCode::none;
}

TextLine AutorunSampler::next(engine::Model& model, std::span<const std::byte> vocabulary) {
    std::array<engine::Token, rpc::kBlockSizeMax> tokens;
    const engine::Sample sample = model.sample({.seed = seed_,
                                                .sample_index = number_++,
                                                .temperature = settings_.temperature,
                                                .top_k = 0,
                                                .top_p = 1.0f,
                                                .prompt = {},
                                                .uniforms = {}},
                                               tokens);
    TextLine line;
    for (std::size_t i = 0; i < sample.length; ++i) {
        const std::string_view text = character(vocabulary, tokens[i]);
        if (line.size + text.size() > TextLine::kMaxBytes) break;
        std::ranges::copy(text, line.text.begin() + line.size);
        line.size = static_cast<std::uint16_t>(line.size + text.size());
    }
    return line;
}

}  // namespace ugpt::app

// Tokens as they travel: a byte each if the vocabulary allows it, else two, little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/engine.h"

namespace ugpt::app {

constexpr std::size_t token_bytes(std::uint32_t vocab_size) {
    return vocab_size <= 256 ? 1 : 2;
}

// Decodes into `out`. False if a token is BOS or beyond, the bytes are not whole tokens, or there
// are more than `out` holds.
inline bool decode_tokens(std::span<const std::uint8_t> encoded, std::uint32_t vocab_size,
                          std::span<engine::Token> out, std::size_t& count) {
    const std::size_t width = token_bytes(vocab_size);
    count = encoded.size() / width;
    if (encoded.size() % width != 0 || count > out.size()) return false;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t high = width == 2 ? encoded[2 * i + 1] : 0u;
        out[i] = static_cast<engine::Token>(encoded[width * i] | high << 8);
        if (out[i] + 1u >= vocab_size) return false;
    }
    return true;
}

// Encodes into `out`, which has room for two bytes a token; returns the bytes used.
inline std::size_t encode_tokens(std::span<const engine::Token> tokens, std::uint32_t vocab_size,
                                 std::span<std::uint8_t> out) {
    const std::size_t width = token_bytes(vocab_size);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        out[width * i] = static_cast<std::uint8_t>(tokens[i]);
        if (width == 2) out[2 * i + 1] = static_cast<std::uint8_t>(tokens[i] >> 8);
    }
    return width * tokens.size();
}

}  // namespace ugpt::app

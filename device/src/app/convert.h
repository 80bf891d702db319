// Between the messages of the protocol and the values of the engine.
#pragma once

#include <cstdint>

#include "app/step_profile.h"
#include "engine/engine.h"
#include "port/port.h"
#include "rpc/messages.h"

namespace ugpt::app {

inline engine::Shape to_engine(const rpc::Shape& in) {
    return {in.n_layer, in.n_embd, in.n_head, in.block_size, in.vocab_size};
}

inline rpc::Shape to_rpc(const engine::Shape& in) {
    const auto u16 = [](std::uint32_t value) { return static_cast<std::uint16_t>(value); };
    return {u16(in.n_layer), u16(in.n_embd), u16(in.n_head), u16(in.block_size),
            u16(in.vocab_size)};
}

inline engine::Recipe to_engine(const rpc::Recipe& in) {
    return {.learning_rate = in.learning_rate,
            .beta1 = in.beta1,
            .beta2 = in.beta2,
            .epsilon = in.epsilon,
            .total_steps = in.total_steps,
            .batch = in.batch,
            .schedule = static_cast<engine::Schedule>(in.schedule),
            .moments = static_cast<engine::MomentFormat>(in.moments),
            .activation_checkpointing = in.recompute,
            .warmup_steps = in.warmup_steps,
            .weight_decay = in.weight_decay,
            .clip_norm = in.clip_norm};
}

inline rpc::Recipe to_rpc(const engine::Recipe& in) {
    return {.learning_rate = in.learning_rate,
            .beta1 = in.beta1,
            .beta2 = in.beta2,
            .epsilon = in.epsilon,
            .total_steps = in.total_steps,
            .batch = static_cast<std::uint16_t>(in.batch),
            .schedule = static_cast<rpc::Schedule>(in.schedule),
            .warmup_steps = in.warmup_steps,
            .weight_decay = in.weight_decay,
            .clip_norm = in.clip_norm,
            .moments = static_cast<rpc::MomentFormat>(in.moments),
            .recompute = in.activation_checkpointing};
}

inline rpc::Profile to_rpc(const StepProfile& in, std::uint32_t tick_hz) {
    return {.tick_hz = tick_hz,
            .steps = in.steps(),
            .embedding = in.ticks(engine::Phase::embedding),
            .attention = in.ticks(engine::Phase::attention),
            .mlp = in.ticks(engine::Phase::mlp),
            .loss = in.ticks(engine::Phase::loss),
            .adam = in.ticks(engine::Phase::adam)};
}

// Tokens travel as a byte each where the vocabulary allows it, else as two, little-endian.
constexpr std::size_t token_bytes(std::uint32_t vocab_size) { return vocab_size <= 256 ? 1 : 2; }

// Decodes into `out`. False where a token is BOS or beyond, or the bytes are not whole tokens, or
// there are more than `out` holds.
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

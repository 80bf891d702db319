// Between the messages of the protocol and the values of the rooms below, which know no messages.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <utility>

#include "app/step_profile.h"
#include "engine/engine.h"
#include "port/port.h"
#include "rpc/messages.h"
#include "store/checkpoint.h"

namespace ugpt::app {

// Whether an enum of the wire and one of another room have the same values: every pair is equal,
// and the wire has no value that is not paired. Only then may one be cast to the other.
template <typename Wire, typename Inner>
consteval bool same_values(std::initializer_list<std::pair<Wire, Inner>> pairs) {
    std::uint32_t paired = 0;
    for (const auto& [wire, inner] : pairs) {
        if (static_cast<std::uint32_t>(wire) != static_cast<std::uint32_t>(inner)) return false;
        paired |= 1u << static_cast<std::uint32_t>(wire);
    }
    return paired == rpc::kKnownValues<Wire>;
}

static_assert(same_values<rpc::Schedule, engine::Schedule>({
    {rpc::Schedule::linear, engine::Schedule::linear},
    {rpc::Schedule::cosine, engine::Schedule::cosine},
    {rpc::Schedule::constant, engine::Schedule::constant},
}));
constexpr engine::Schedule to_engine(rpc::Schedule in) {
    return static_cast<engine::Schedule>(in);
}
constexpr rpc::Schedule to_rpc(engine::Schedule in) {
    return static_cast<rpc::Schedule>(in);
}

static_assert(same_values<rpc::MomentFormat, engine::MomentFormat>({
    {rpc::MomentFormat::f32, engine::MomentFormat::f32},
    {rpc::MomentFormat::bf16, engine::MomentFormat::bf16},
    {rpc::MomentFormat::q8, engine::MomentFormat::q8},
}));
constexpr engine::MomentFormat to_engine(rpc::MomentFormat in) {
    return static_cast<engine::MomentFormat>(in);
}
constexpr rpc::MomentFormat to_rpc(engine::MomentFormat in) {
    return static_cast<rpc::MomentFormat>(in);
}

static_assert(same_values<rpc::TensorKind, engine::TensorKind>({
    {rpc::TensorKind::weights, engine::TensorKind::weights},
    {rpc::TensorKind::first_moment, engine::TensorKind::first_moment},
    {rpc::TensorKind::second_moment, engine::TensorKind::second_moment},
}));
constexpr engine::TensorKind to_engine(rpc::TensorKind in) {
    return static_cast<engine::TensorKind>(in);
}

static_assert(same_values<rpc::Source, store::Source>({
    {rpc::Source::host, store::Source::host},
    {rpc::Source::flash, store::Source::flash},
}));
constexpr store::Source to_store(rpc::Source in) {
    return static_cast<store::Source>(in);
}
constexpr rpc::Source to_rpc(store::Source in) {
    return static_cast<rpc::Source>(in);
}

static_assert(same_values<rpc::LogLevel, port::LogLevel>({
    {rpc::LogLevel::error, port::LogLevel::error},
    {rpc::LogLevel::warning, port::LogLevel::warning},
    {rpc::LogLevel::info, port::LogLevel::info},
}));
constexpr rpc::LogLevel to_rpc(port::LogLevel in) {
    return static_cast<rpc::LogLevel>(in);
}

static_assert(same_values<rpc::FlashMode, port::FlashMode>({
    {rpc::FlashMode::unknown, port::FlashMode::unknown},
    {rpc::FlashMode::single, port::FlashMode::single},
    {rpc::FlashMode::dout, port::FlashMode::dout},
    {rpc::FlashMode::dio, port::FlashMode::dio},
    {rpc::FlashMode::qout, port::FlashMode::qout},
    {rpc::FlashMode::qio, port::FlashMode::qio},
}));
constexpr rpc::FlashMode to_rpc(port::FlashMode in) {
    return static_cast<rpc::FlashMode>(in);
}

constexpr engine::Shape to_engine(const rpc::Shape& in) {
    return {in.n_layer, in.n_embd, in.n_head, in.block_size, in.vocab_size};
}

constexpr rpc::Shape to_rpc(const engine::Shape& in) {
    const auto u16 = [](std::uint32_t value) { return static_cast<std::uint16_t>(value); };
    return {u16(in.n_layer), u16(in.n_embd), u16(in.n_head), u16(in.block_size),
            u16(in.vocab_size)};
}

constexpr engine::Recipe to_engine(const rpc::Recipe& in) {
    return {.learning_rate = in.learning_rate,
            .beta1 = in.beta1,
            .beta2 = in.beta2,
            .epsilon = in.epsilon,
            .total_steps = in.total_steps,
            .batch = in.batch,
            .schedule = to_engine(in.schedule),
            .moments = to_engine(in.moments),
            .activation_checkpointing = in.recompute,
            .warmup_steps = in.warmup_steps,
            .weight_decay = in.weight_decay,
            .clip_norm = in.clip_norm};
}

constexpr rpc::Recipe to_rpc(const engine::Recipe& in) {
    return {.learning_rate = in.learning_rate,
            .beta1 = in.beta1,
            .beta2 = in.beta2,
            .epsilon = in.epsilon,
            .total_steps = in.total_steps,
            .batch = static_cast<std::uint16_t>(in.batch),
            .schedule = to_rpc(in.schedule),
            .warmup_steps = in.warmup_steps,
            .weight_decay = in.weight_decay,
            .clip_norm = in.clip_norm,
            .moments = to_rpc(in.moments),
            .recompute = in.activation_checkpointing};
}

inline rpc::Profile to_rpc(const StepProfile& in, std::uint32_t tick_hz) {
    return {.tick_hz = tick_hz,
            .steps = in.steps(),
            .embedding = in.ticks(engine::Phase::embedding),
            .attention = in.ticks(engine::Phase::attention),
            .mlp = in.ticks(engine::Phase::mlp),
            .loss = in.ticks(engine::Phase::loss),
            .adam = in.ticks(engine::Phase::adam),
            .tokens = in.tokens(),
            .choice = in.ticks(engine::Phase::choice)};
}

}  // namespace ugpt::app

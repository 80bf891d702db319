// The owner of every tensor: a model, its vocabulary, its training run and its checkpoints.
#pragma once

#include <cstdint>
#include <span>

#include "app/checkpoint.h"
#include "app/shared.h"
#include "engine/arena.h"
#include "engine/model.h"
#include "port/port.h"
#include "rpc/messages.h"

namespace ugpt::app {

// Used by the trainer task only. Every command returns ErrorCode::none or why it was refused;
// a refused command has changed nothing.
class Trainer {
  public:
    Trainer(port::Platform& platform, port::Flash& flash, port::Log& log, Shared& shared);

    // Takes up the newest checkpoint in flash, if there is one.
    void boot();
    // Runs one training step where one is due and its document is here. False where there is
    // nothing to do before a request or a document arrives.
    bool advance();

    // A model that fits replaces the one in memory. The same run, shape and recipe again are left
    // as they are.
    rpc::ErrorCode create(std::uint32_t run_id, const engine::Shape& shape,
                          const engine::Recipe& recipe, std::uint32_t vocabulary_bytes);
    rpc::ErrorCode init_weights(std::uint64_t seed, float deviation);
    rpc::ErrorCode seek(std::uint32_t step);
    rpc::ErrorCode train(std::uint32_t target_step, std::uint32_t save_every);
    rpc::ErrorCode pause();
    rpc::ErrorCode save();

    [[nodiscard]] const engine::Model& model() const { return model_; }
    [[nodiscard]] engine::Model& model() { return model_; }
    [[nodiscard]] const CheckpointInfo& run() const { return run_; }
    [[nodiscard]] std::span<std::byte> vocabulary() { return vocabulary_; }
    [[nodiscard]] bool training() const { return run_.step < run_.target_step; }

    // By how many bytes the last model that did not fit was too large.
    [[nodiscard]] std::uint32_t missing_bytes() const { return missing_bytes_; }

  private:
    bool allocate(const CheckpointInfo& run);
    void begin_epoch(std::uint32_t step);
    void stop_with(rpc::ErrorCode error);
    void publish(TrainerState state);

    port::Platform& platform_;
    port::Log& log_;
    Shared& shared_;
    CheckpointStore checkpoints_;
    engine::Arena arena_;
    engine::Model model_;
    std::span<std::byte> vocabulary_;
    CheckpointInfo run_;  // step and target_step are those of now
    std::uint32_t saved_step_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint32_t epoch_step_ = 0;
    std::uint64_t positions_ = 0;
    float loss_ = 0.0f;
    std::uint32_t step_us_ = 0;
    std::uint32_t missing_bytes_ = 0;
    rpc::ErrorCode error_ = rpc::ErrorCode::none;
};

}  // namespace ugpt::app

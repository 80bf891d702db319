#include "app/trainer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include "app/planning.h"

namespace ugpt::app {
namespace {

// An exponent of all ones: infinite or not a number.
bool finite(float x) { return (std::bit_cast<std::uint32_t>(x) & 0x7F800000u) != 0x7F800000u; }

}  // namespace

Trainer::Trainer(port::Platform& platform, port::Flash& flash, port::Log& log, Shared& shared)
    : platform_(platform),
      log_(log),
      shared_(shared),
      checkpoints_(flash),
      arena_(platform.memory_blocks()) {}

void Trainer::boot() {
    const auto found = checkpoints_.find_newest();
    if (found && allocate(*found) && checkpoints_.load(model_, vocabulary_)) {
        run_ = *found;
        model_.seek(run_.step);
        saved_step_ = run_.step;
        run_.target_step = run_.step;  // a host that wants more says so
        log_.write(port::LogLevel::info, "model loaded from flash");
    } else if (found) {
        log_.write(port::LogLevel::error, "the checkpoint in flash could not be loaded");
        model_ = {};
        arena_.clear();
    }
    begin_epoch(run_.step);
    publish(model_.empty() ? TrainerState::empty : TrainerState::idle);
    shared_.booted.store(true, std::memory_order_release);
}

bool Trainer::allocate(const CheckpointInfo& run) {
    arena_.clear();
    model_ = {};
    vocabulary_ = arena_.take_array<std::byte>(run.vocabulary_bytes);
    return vocabulary_.size() == run.vocabulary_bytes &&
           model_.create(run.shape, run.recipe, arena_);
}

void Trainer::begin_epoch(std::uint32_t step) {
    ++epoch_;
    epoch_step_ = step;
    run_.step = step;
    run_.target_step = step;
    loss_ = 0.0f;
    error_ = rpc::ErrorCode::none;
    shared_.losses.restart(step);
}

void Trainer::publish(TrainerState state) {
    Progress progress;
    progress.state = state;
    progress.run_id = run_.run_id;
    progress.step = run_.step;
    progress.target_step = run_.target_step;
    progress.saved_step = saved_step_;
    progress.loss = loss_;
    progress.positions_low = static_cast<std::uint32_t>(positions_);
    progress.positions_high = static_cast<std::uint32_t>(positions_ >> 32);
    progress.error = static_cast<std::uint32_t>(error_);
    progress.step_us = step_us_;
    progress.free_bytes =
        static_cast<std::uint32_t>(arena_.available_bytes() - arena_.taken_bytes());
    progress.epoch = epoch_;
    progress.epoch_step = epoch_step_;
    progress.vocab_size = model_.empty() ? 0 : run_.shape.vocab_size;
    progress.block_size = model_.empty() ? 0 : run_.shape.block_size;
    shared_.progress.publish(progress);
}

rpc::ErrorCode Trainer::create(std::uint32_t run_id, const engine::Shape& shape,
                               const engine::Recipe& recipe, std::uint32_t vocabulary_bytes) {
    if (!shape.valid()) return rpc::ErrorCode::bad_shape;
    if (training()) return rpc::ErrorCode::busy;
    CheckpointInfo run{.run_id = run_id, .shape = shape, .recipe = recipe,
                       .vocabulary_bytes = vocabulary_bytes};
    CheckpointInfo present = run_;
    present.step = present.target_step = present.save_every = 0;
    if (!model_.empty() && present == run) return rpc::ErrorCode::none;

    const engine::Plan plan =
        plan_model(platform_.memory_blocks(), shape, recipe, vocabulary_bytes);
    missing_bytes_ = static_cast<std::uint32_t>(plan.missing_bytes);
    if (!plan.fits()) return rpc::ErrorCode::does_not_fit;
    if (!allocate(run)) return rpc::ErrorCode::does_not_fit;
    run_ = run;
    saved_step_ = 0;
    begin_epoch(0);
    publish(TrainerState::idle);
    return rpc::ErrorCode::none;
}

rpc::ErrorCode Trainer::init_weights(std::uint64_t seed, float deviation) {
    if (model_.empty()) return rpc::ErrorCode::no_model;
    if (training()) return rpc::ErrorCode::busy;
    model_.init_weights(seed, deviation);
    begin_epoch(0);
    publish(TrainerState::idle);
    return rpc::ErrorCode::none;
}

rpc::ErrorCode Trainer::seek(std::uint32_t step) {
    if (model_.empty()) return rpc::ErrorCode::no_model;
    if (training()) return rpc::ErrorCode::busy;
    model_.seek(step);
    begin_epoch(step);
    publish(TrainerState::idle);
    return rpc::ErrorCode::none;
}

rpc::ErrorCode Trainer::train(std::uint32_t target_step, std::uint32_t save_every) {
    if (model_.empty()) return rpc::ErrorCode::no_model;
    if (target_step > run_.recipe.total_steps) return rpc::ErrorCode::bad_params;
    run_.save_every = save_every;
    if (target_step <= run_.step) return rpc::ErrorCode::none;
    run_.target_step = target_step;
    error_ = rpc::ErrorCode::none;
    publish(TrainerState::training);
    return rpc::ErrorCode::none;
}

rpc::ErrorCode Trainer::pause() {
    if (model_.empty()) return rpc::ErrorCode::no_model;
    run_.target_step = run_.step;
    publish(TrainerState::idle);
    return rpc::ErrorCode::none;
}

rpc::ErrorCode Trainer::save() {
    if (model_.empty()) return rpc::ErrorCode::no_model;
    publish(TrainerState::saving);
    const SaveResult result = checkpoints_.save(run_, model_, vocabulary_);
    if (result == SaveResult::saved) saved_step_ = run_.step;
    publish(training() ? TrainerState::training : TrainerState::idle);
    switch (result) {
        case SaveResult::saved:
            return rpc::ErrorCode::none;
        case SaveResult::no_room:
            log_.write(port::LogLevel::warning, "the model is too large for a checkpoint slot");
            return rpc::ErrorCode::no_room;
        case SaveResult::flash_failed:
            break;
    }
    log_.write(port::LogLevel::error, "writing the checkpoint to flash failed");
    return rpc::ErrorCode::flash_failed;
}

void Trainer::stop_with(rpc::ErrorCode error) {
    error_ = error;
    run_.target_step = run_.step;
    log_.write(port::LogLevel::error, rpc::error_text(error));
    publish(TrainerState::idle);
}

bool Trainer::advance() {
    if (model_.empty() || !training()) return false;
    std::array<engine::Token, rpc::kBlockSizeMax> document;
    std::size_t length = 0;
    const DocumentRing::Key wanted{run_.step, static_cast<std::uint16_t>(epoch_)};
    if (!shared_.documents.take(wanted, document, length)) {
        publish(TrainerState::waiting);
        return false;
    }
    const std::uint64_t started = platform_.now_us();
    const float loss = model_.train_step(std::span(document).first(length));
    if (!finite(loss)) {
        stop_with(rpc::ErrorCode::not_finite);
        return false;
    }
    step_us_ = static_cast<std::uint32_t>(platform_.now_us() - started);
    loss_ = loss;
    positions_ += std::min<std::size_t>(length + 1, run_.shape.block_size);
    ++run_.step;
    shared_.losses.push(loss);
    const bool done = !training();
    const bool due = done || (run_.save_every > 0 && run_.step % run_.save_every == 0);
    // Whoever sees the target reached may rely on the checkpoint: save before saying so.
    if (due) save();
    publish(done ? TrainerState::idle : TrainerState::training);
    return true;
}

}  // namespace ugpt::app

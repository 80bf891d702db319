#include "app/trainer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "app/convert.h"
#include "app/planning.h"
#include "app/store_errors.h"
#include "app/weights_digest.h"

namespace ugpt::app {
namespace {

constexpr std::uint32_t kIdleWaitMs = 1000;

}  // namespace

Trainer::Trainer(port::Platform& platform, port::Flash& flash, port::Log& log, Shared& shared,
                 port::Helper* helper)
    : platform_(platform),
      log_(log),
      shared_(shared),
      checkpoints_(flash),
      loss_history_(flash),
      documents_(flash),
      models_(flash),
      settings_(flash),
      autorun_(settings_, platform.entropy()),
      team_(platform.chip(), helper),
      profile_(platform),
      arena_(platform.memory_blocks(), platform.word_memory()),
      writer_(platform, flash, team_.team()) {}

void Trainer::boot() {
    autorun_.load();
    const auto found = checkpoints_.find_newest();
    if (found && !resume(*found)) {
        log_.write(port::LogLevel::error,
                   "the checkpoint in flash does not fit into memory: it is kept, create a model");
        model_.forget();
        arena_.clear();
    }
    publish(resting_state());
    shared_.booted.store(true, std::memory_order_release);
}

bool Trainer::resume(const store::CheckpointInfo& run) {
    if (run.shape.block_size > rpc::kBlockSizeMax || !allocate(run) ||
        !checkpoints_.load(model_, vocabulary_))
        return false;
    run_ = run;
    model_.set_step(run.step);
    saved_step_ = run.step;
    begin_generation(run.step);
    const auto saved = settings_.saved_weights();
    weights_saved_ = saved && saved->run_id == run.run_id && saved->step == run.step &&
                     saved->digest == digest();
    in_flash_ = true;
    // A host that wants more steps says so; a run that needs none goes on.
    if (run.source == store::Source::flash) {
        run_.source = run.source;
        run_.target_step = run.target_step;
    }
    log_.write(port::LogLevel::info, training() ? "training goes on from the checkpoint in flash"
                                                : "model loaded from flash");
    return true;
}

bool Trainer::allocate(const store::CheckpointInfo& run) {
    arena_.clear();
    model_.forget();
    vocabulary_ = arena_.take_array<std::byte>(run.vocabulary_bytes);
    const bool fits = vocabulary_.size() == run.vocabulary_bytes &&
                      model_.create(run.shape, run.recipe, arena_, &team_.team());
    model_.observe(profiling_ ? &profile_ : nullptr);
    return fits;
}

void Trainer::begin_generation(std::uint32_t step) {
    ++generation_;
    generation_step_ = step;
    stored_losses_step_ = step;
    accumulated_ = 0;
    run_.step = step;
    run_.target_step = step;
    run_.source = store::Source::host;
    loss_ = 0.0f;
    weights_changed();
    gradient_norm_.reset();
    error_ = rpc::ErrorCode::none;
    shared_.losses.restart(step);
}

void Trainer::publish(rpc::DeviceState state) {
    Progress progress;
    progress.state = state;
    progress.run_id = run_.run_id;
    progress.step = run_.step;
    progress.target_step = run_.target_step;
    progress.saved_step = saved_step_;
    progress.unsaved = has_run() && run_.step > 0 && !weights_saved_ ? 1 : 0;
    progress.loss = loss_;
    progress.gradient_norm = gradient_norm_.value_or(0.0f);
    progress.has_gradient_norm = gradient_norm_ ? 1 : 0;
    progress.positions_low = static_cast<std::uint32_t>(positions_);
    progress.positions_high = static_cast<std::uint32_t>(positions_ >> 32);
    progress.error = error_;
    progress.step_us = step_us_;
    progress.free_bytes =
        static_cast<std::uint32_t>(arena_.available_bytes() - arena_.taken_bytes());
    progress.generation = generation_;
    progress.generation_step = generation_step_;
    progress.vocab_size = has_run() ? run_.shape.vocab_size : 0;
    progress.batch = run_.recipe.batch;
    progress.block_size = has_run() ? run_.shape.block_size : 0;
    progress.source = to_rpc(run_.source);
    progress.autorun = autorun_.settings().autorun;
    progress.console = autorun_.settings().autorun && autorun_.settings().console;
    progress.loaded = loaded();
    progress.writing = writer_.writing();
    shared_.progress.publish(progress);
}

rpc::ErrorCode Trainer::create(std::uint32_t run_id, const engine::Shape& shape,
                               const engine::Recipe& recipe, std::uint32_t vocabulary_bytes) {
    if (!shape.valid()) return rpc::ErrorCode::bad_shape;
    if (training()) return rpc::ErrorCode::busy;
    if (!recipe.countable()) return rpc::ErrorCode::bad_params;
    store::CheckpointInfo run{
        .run_id = run_id, .shape = shape, .recipe = recipe, .vocabulary_bytes = vocabulary_bytes};
    store::CheckpointInfo present = run_;
    present.step = present.target_step = present.save_every = 0;
    present.source = store::Source::host;
    if (has_run() && present == run) return need_run();

    const engine::Plan plan = plan_model(platform_, shape, recipe, vocabulary_bytes, cores());
    missing_bytes_ = static_cast<std::uint32_t>(plan.missing_bytes);
    if (!plan.fits()) return rpc::ErrorCode::does_not_fit;
    writer_.unload();
    if (!allocate(run)) return rpc::ErrorCode::does_not_fit;
    parked_ = false;
    run_ = run;
    saved_step_ = 0;
    begin_generation(0);
    publish(rpc::DeviceState::idle);
    return rpc::ErrorCode::none;
}

rpc::ErrorCode Trainer::init_weights(std::uint64_t seed, float deviation) {
    if (const auto error = need_run(); error != rpc::ErrorCode::none) return error;
    if (training()) return rpc::ErrorCode::busy;
    model_.init_weights(seed, deviation);
    begin_generation(0);
    publish(rpc::DeviceState::idle);
    return rpc::ErrorCode::none;
}

rpc::ErrorCode Trainer::seek(std::uint32_t step) {
    if (const auto error = need_run(); error != rpc::ErrorCode::none) return error;
    if (training()) return rpc::ErrorCode::busy;
    model_.set_step(step);
    begin_generation(step);
    publish(rpc::DeviceState::idle);
    return rpc::ErrorCode::none;
}

rpc::ErrorCode Trainer::train(std::uint32_t target_step, std::uint32_t save_every,
                              store::Source source, bool gradient_norm) {
    if (const auto error = need_run(); error != rpc::ErrorCode::none) return error;
    if (target_step > run_.recipe.total_steps) return rpc::ErrorCode::bad_params;
    if (source == store::Source::flash && !documents_.find()) return rpc::ErrorCode::bad_data;
    const store::CheckpointInfo before = run_;
    run_.save_every = save_every;
    step_options_.gradient_norm = gradient_norm;
    if (target_step <= run_.step) return rpc::ErrorCode::none;
    run_.target_step = target_step;
    run_.source = source;
    error_ = rpc::ErrorCode::none;
    publish(rpc::DeviceState::training);
    if (source == store::Source::host) return rpc::ErrorCode::none;
    // From here on a power cut must find something to go on from.
    const rpc::ErrorCode error =
        loss_history_.begin(run_.run_id) ? save() : rpc::ErrorCode::flash_failed;
    if (error != rpc::ErrorCode::none) {
        run_ = before;
        publish(resting_state());
    }
    return error;
}

rpc::ErrorCode Trainer::pause() {
    if (!has_run()) return rpc::ErrorCode::no_model;
    const bool was_training = training();
    run_.target_step = run_.step;
    publish(rpc::DeviceState::idle);
    // A run that needs no host stays stopped, also after a power cut.
    return was_training && run_.source == store::Source::flash ? save() : rpc::ErrorCode::none;
}

rpc::ErrorCode Trainer::save() {
    if (parked_) return rpc::ErrorCode::none;  // it was saved before
    if (model_.empty()) return rpc::ErrorCode::no_model;
    publish(rpc::DeviceState::saving);
    const store::Result result =
        store_losses() ? checkpoints_.save(run_, model_, vocabulary_) : store::Result::flash_failed;
    if (result == store::Result::ok) {
        saved_step_ = run_.step;
        in_flash_ = true;
        (void)remember_saved_weights();  // at worst the device asks once too often
    }
    publish(resting_state());
    if (result == store::Result::no_room)
        log_.write(port::LogLevel::warning, "the model is too large for a checkpoint slot");
    else if (result != store::Result::ok)
        log_.write(port::LogLevel::error, "writing the checkpoint to flash failed");
    return error_code(result);
}

base::Sha256::Digest Trainer::digest() {
    return weights_digest(model_, results_.values);
}

void Trainer::keep_run() {
    // Any other model may be one that a host has not made whole yet.
    if (run_.source == store::Source::flash && training() && !in_flash_) (void)save();
}

rpc::ErrorCode Trainer::weights_saved(std::uint32_t step, std::span<const std::uint8_t> saved) {
    if (const auto error = need_run(); error != rpc::ErrorCode::none) return error;
    if (step != run_.step || !std::ranges::equal(saved, digest())) return rpc::ErrorCode::other_run;
    weights_saved_ = true;
    const bool remembered = remember_saved_weights();
    publish(resting_state());
    return remembered ? rpc::ErrorCode::none : rpc::ErrorCode::flash_failed;
}

// A restart brings back the checkpoint in flash: what a host has of it is worth remembering.
bool Trainer::remember_saved_weights() {
    if (!weights_saved_ || saved_step_ != run_.step) return true;
    return settings_.note_saved({run_.run_id, run_.step, digest()});
}

void Trainer::stop_with(rpc::ErrorCode error) {
    error_ = error;
    run_.target_step = run_.step;
    begin_step_again();
    log_.write(port::LogLevel::error, rpc::error_text(error));
    publish(rpc::DeviceState::idle);
}

void Trainer::begin_step_again() {
    model_.set_step(run_.step);
    accumulated_ = 0;
    ++generation_;
    generation_step_ = run_.step;
}

rpc::DeviceState Trainer::resting_state() const {
    if (!has_run()) return rpc::DeviceState::empty;
    return training() ? rpc::DeviceState::training : rpc::DeviceState::idle;
}

CallError Trainer::set_autorun(const store::Settings& settings) {
    if (settings.console)
        if (const CallError error = writer_.prepare({}); error.refused()) return error;
    const rpc::ErrorCode error = autorun_.set(settings);
    publish(resting_state());
    return error;
}

void Trainer::set_profiling(bool enabled) {
    if (enabled == profiling_) return;
    if (enabled) profile_.clear();
    profiling_ = enabled;
    model_.observe(enabled ? &profile_ : nullptr);
    writer_.observe(enabled ? &profile_ : nullptr);
}

bool Trainer::draw_autorun_text(TextLine& line) {
    if (!autorun_.enabled() || model_.empty() || training() ||
        shared_.handshake_done.load(std::memory_order_relaxed))
        return false;
    line = autorun_.next(model_, vocabulary_);
    return true;
}

std::uint32_t Trainer::idle_wait_ms() const {
    return autorun_.enabled() ? AutorunSampler::kIntervalMs : kIdleWaitMs;
}

store::LossRange Trainer::read_loss_history(std::uint32_t first, std::span<float> out) {
    // A power cut may have left losses beyond these, the last one torn; their steps are run again.
    return loss_history_.read(run_.run_id, first, stored_losses_step_, run_.recipe.total_steps,
                              out);
}

// Losses that are not in flash: what a power cut takes back is run again and stored then.
bool Trainer::store_losses() {
    if (run_.source != store::Source::flash) return true;
    std::array<float, 32> losses;
    while (stored_losses_step_ < run_.step) {
        std::uint32_t first = stored_losses_step_ + 1;
        const std::size_t count = shared_.losses.read(first, losses);
        if (!loss_history_.write(run_.run_id, first, std::span(losses).first(count))) return false;
        stored_losses_step_ = first + static_cast<std::uint32_t>(count) - 1;
    }
    return run_.step < run_.recipe.total_steps || loss_history_.write_last(run_.run_id, loss_);
}

bool Trainer::save_is_due() const {
    return !training() || (run_.save_every > 0 && run_.step % run_.save_every == 0);
}

// The buffer must not lose what the loss history still lacks.
bool Trainer::losses_are_due() const {
    return run_.source == store::Source::flash &&
           run_.step - stored_losses_step_ >= LossBuffer::kCapacity / 2;
}

bool Trainer::next_document(std::span<engine::Token> out, std::size_t& length) {
    const std::uint32_t index = run_.step * run_.recipe.batch + accumulated_;
    const DocumentQueue::Key wanted{index, static_cast<std::uint16_t>(generation_)};
    if (run_.source == store::Source::host) return shared_.documents.take(wanted, out, length);
    const auto is_bos_or_beyond = [&](engine::Token token) {
        return token + 1u >= run_.shape.vocab_size;
    };
    if (documents_.read(index, out.first(run_.shape.block_size), length) &&
        std::ranges::none_of(out.first(length), is_bos_or_beyond))
        return true;
    stop_with(rpc::ErrorCode::bad_data);
    return false;
}

bool Trainer::advance() {
    return run_step() || write_token();
}

bool Trainer::run_step() {
    if (model_.empty() || !training()) return false;
    std::array<engine::Token, rpc::kBlockSizeMax> document;
    std::size_t length = 0;
    if (!next_document(document, length)) {
        if (training()) publish(rpc::DeviceState::waiting);
        return false;
    }
    const auto text = std::span(document).first(length);
    const bool last = accumulated_ + 1 == run_.recipe.batch;
    const std::uint64_t started = platform_.now_us();
    float loss = 0.0f;
    if (last)
        loss = model_.train_step(text, step_options_);
    else
        model_.accumulate(text);
    const std::size_t positions = std::min<std::size_t>(length + 1, run_.shape.block_size);
    if (platform_.paced())  // an estimate in every step is nothing that a chip need compute
        platform_.spend(
            engine::step_cycles(run_.shape, run_.recipe, positions, last, platform_.chip().cores),
            started);
    const auto elapsed_us = static_cast<std::uint32_t>(platform_.now_us() - started);
    batch_us_ = accumulated_ == 0 ? elapsed_us : batch_us_ + elapsed_us;
    positions_ += positions;
    accumulated_ = last ? 0 : accumulated_ + 1;
    if (!last) return true;
    if (!std::isfinite(loss)) {
        stop_with(rpc::ErrorCode::not_finite);
        return false;
    }
    complete_step(loss);
    return true;
}

void Trainer::complete_step(float loss) {
    loss_ = loss;
    step_us_ = batch_us_;
    if (const auto norm = model_.gradient_norm()) gradient_norm_ = norm;
    ++run_.step;
    weights_changed();
    if (profiling_) profile_.count_step();
    shared_.losses.push(loss);
    if (save_is_due()) {
        (void)save();  // it has logged what went wrong, and the run is worth going on
        return;
    }
    if (losses_are_due() && !store_losses())
        log_.write(port::LogLevel::error, "writing the losses to flash failed");
    publish(rpc::DeviceState::training);
}

}  // namespace ugpt::app

// Which of the two models has the memory: the one that is trained, or the one that writes stories.
// The other one lies in flash, whole.
#include "app/trainer.h"

namespace ugpt::app {

rpc::ErrorCode Trainer::need_run() {
    if (!parked_) return model_.empty() ? rpc::ErrorCode::no_model : rpc::ErrorCode::none;
    writer_.unload();
    if (!allocate(run_) || !checkpoints_.load(model_, vocabulary_)) {
        model_.forget();
        arena_.clear();
        log_.write(port::LogLevel::error, "the checkpoint in flash cannot be read back");
        publish(resting_state());
        return rpc::ErrorCode::flash_failed;
    }
    model_.set_step(run_.step);
    parked_ = false;
    publish(resting_state());
    return rpc::ErrorCode::none;
}

// The line of steps goes on where it is: nothing that a host has been told changes.
CallError Trainer::park() {
    if (model_.empty()) return {};
    if (!in_flash_) {
        const rpc::ErrorCode error = save();
        if (error == rpc::ErrorCode::no_room)
            return {error, 0,
                    "The model that was trained is too large for a checkpoint, and would be lost"};
        if (error != rpc::ErrorCode::none) return error;
    }
    if (accumulated_ > 0) begin_step_again();
    model_.forget();
    vocabulary_ = {};
    parked_ = true;
    return {};
}

std::span<const std::byte> Trainer::stored_vocabulary() {
    return parked_ ? checkpoints_.vocabulary(run_.vocabulary_bytes) : vocabulary_;
}

CallError Trainer::begin_text(std::uint32_t text_id, const TextRequest& request) {
    if (training()) return {rpc::ErrorCode::busy, 0, "The device is training a model"};
    if (const CallError error = writer_.prepare(request); error.refused()) return error;
    CallError error;
    if (!writer_.loaded_for(request)) {
        error = park();
        if (!error.refused()) error = writer_.load(request, arena_);
        if (error.refused()) writer_.unload();
    }
    if (!error.refused()) error = writer_.begin(text_id, request);
    publish(resting_state());
    return error;
}

CallError Trainer::begin_typed_text(std::uint32_t text_id, std::string_view prompt) {
    constexpr float kTopP = 0.9f;
    return begin_text(text_id,
                      {.prompt = prompt,
                       .seed = autorun_.next_seed(),
                       .choice = {.temperature = autorun_.settings().temperature, .top_p = kTopP}});
}

void Trainer::stop_text() {
    writer_.stop();
    publish(resting_state());
}

void Trainer::forget_story() {
    writer_.forget();
    publish(resting_state());
}

bool Trainer::write_token() {
    if (!writer_.advance()) return false;
    if (profiling_) profile_.count_token();
    if (!writer_.writing()) publish(resting_state());
    return true;
}

rpc::Loaded Trainer::loaded() const {
    if (writer_.loaded()) return rpc::Loaded::story;
    return model_.empty() ? rpc::Loaded::nothing : rpc::Loaded::run;
}

}  // namespace ugpt::app

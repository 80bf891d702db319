// The owner of every tensor: a model, its vocabulary, its training run and its checkpoints.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "app/autorun_sampler.h"
#include "app/shared.h"
#include "app/step_profile.h"
#include "app/team_helper.h"
#include "app/writer.h"
#include "base/sha256.h"
#include "engine/engine.h"
#include "port/port.h"
#include "rpc/messages.h"
#include "store/checkpoint.h"
#include "store/data_set.h"
#include "store/loss_history.h"
#include "store/model_store.h"
#include "store/settings.h"

namespace ugpt::app {

// Where the results of handlers lie.
struct ResultBuffers {
    std::array<float, 320> values;
    std::array<std::uint8_t, 2 * rpc::kBlockSizeMax> bytes;
};

// Used by the trainer task only. Every command returns ErrorCode::none or why it was refused;
// a refused command has changed nothing.
class Trainer {
  public:
    // `helper` are other cores that take part, if there are any.
    Trainer(port::Platform& platform, port::Flash& flash, port::Log& log, Shared& shared,
            port::Helper* helper = nullptr);

    // Takes up the newest checkpoint in flash, if there is one, and goes on with a run that needs
    // no host.
    void boot();
    // Runs one training step if one is due and its document is here, or computes a token of a
    // story. False if there is nothing to do before a request or a document arrives.
    bool advance();
    // Draws a text to print if autorun is due; false if it is not.
    bool draw_autorun_text(TextLine& line);
    // How long to wait when there is nothing to do.
    [[nodiscard]] std::uint32_t idle_wait_ms() const;

    // A model that fits replaces the one in memory. The same run, shape and recipe again are left
    // as they are.
    rpc::ErrorCode create(std::uint32_t run_id, const engine::Shape& shape,
                          const engine::Recipe& recipe, std::uint32_t vocabulary_bytes);
    rpc::ErrorCode init_weights(std::uint64_t seed, float deviation);
    rpc::ErrorCode seek(std::uint32_t step);
    // With `gradient_norm` every step measures the norm of its gradient.
    rpc::ErrorCode train(std::uint32_t target_step, std::uint32_t save_every, store::Source source,
                         bool gradient_norm);
    rpc::ErrorCode pause();
    rpc::ErrorCode save();
    // Before the end of a process: a run that needs no host goes on from here at the next start.
    void keep_run();
    // A host has these weights in a run folder. Refused if they are not those in memory.
    rpc::ErrorCode weights_saved(std::uint32_t step, std::span<const std::uint8_t> digest);
    // To be told of every change that does not come through the methods here.
    void weights_changed() { weights_saved_ = in_flash_ = false; }
    void vocabulary_changed() { in_flash_ = false; }
    [[nodiscard]] base::Sha256::Digest digest();
    // A console is refused without a pretrained model in flash.
    CallError set_autorun(const store::Settings& settings);
    // The profile starts from zero when it is switched on.
    void set_profiling(bool enabled);
    [[nodiscard]] const StepProfile& profile() const { return profile_; }
    [[nodiscard]] store::LossRange read_loss_history(std::uint32_t first, std::span<float> out);

    // Loads the model that is trained, if the memory is another's. `no_model` if there is none, and
    // `flash_failed` if it cannot be read back.
    rpc::ErrorCode need_run();
    // Whether there is such a model, in memory or put aside in flash.
    [[nodiscard]] bool has_run() const { return parked_ || !model_.empty(); }
    // Its vocabulary, wherever it lies.
    [[nodiscard]] std::span<const std::byte> stored_vocabulary();

    // Begins a text of the pretrained model, which gets the memory: the run is put aside. Refused
    // while it is trained.
    CallError begin_text(std::uint32_t text_id, const TextRequest& request);
    // The same for a person at a serial terminal.
    CallError begin_typed_text(std::uint32_t text_id, std::string_view prompt);
    void stop_text();
    // To be called before the pretrained model in flash changes.
    void forget_story();
    [[nodiscard]] const Writer& writer() const { return writer_; }
    [[nodiscard]] Writer& writer() { return writer_; }

    [[nodiscard]] store::DataSetStore& documents() { return documents_; }
    [[nodiscard]] store::ModelStore& models() { return models_; }
    [[nodiscard]] const engine::Model& model() const { return model_; }
    [[nodiscard]] engine::Model& model() { return model_; }
    [[nodiscard]] const store::CheckpointInfo& run() const { return run_; }
    [[nodiscard]] std::span<std::byte> vocabulary() { return vocabulary_; }
    [[nodiscard]] bool training() const { return run_.step < run_.target_step; }

    [[nodiscard]] port::Platform& platform() { return platform_; }
    // For so many cores a model has memory.
    [[nodiscard]] std::uint32_t cores() { return team_.team().cores(); }
    // Room for what a handler returns, until the response is encoded.
    [[nodiscard]] ResultBuffers& results() { return results_; }

    // By how many bytes the last model that did not fit was too large.
    [[nodiscard]] std::uint32_t missing_bytes() const { return missing_bytes_; }

  private:
    bool allocate(const store::CheckpointInfo& run);
    // Leaves the memory to another model: saves what is not in flash.
    CallError park();
    bool run_step();
    bool write_token();
    [[nodiscard]] rpc::Loaded loaded() const;
    bool resume(const store::CheckpointInfo& run);
    bool next_document(std::span<engine::Token> out, std::size_t& length);
    [[nodiscard]] bool save_is_due() const;
    [[nodiscard]] bool losses_are_due() const;
    bool store_losses();
    bool remember_saved_weights();
    void complete_step(float loss);
    void begin_generation(std::uint32_t step);
    // What was sent for the next step is used up or of no use: the host begins with it again.
    void begin_step_again();
    void stop_with(rpc::ErrorCode error);
    [[nodiscard]] rpc::DeviceState resting_state() const;
    void publish(rpc::DeviceState state);

    port::Platform& platform_;
    port::Log& log_;
    Shared& shared_;
    store::CheckpointStore checkpoints_;
    store::LossHistory loss_history_;
    store::DataSetStore documents_;
    store::ModelStore models_;
    store::SettingsStore settings_;
    AutorunSampler autorun_;
    TaskTeam team_;
    StepProfile profile_;
    bool profiling_ = false;
    engine::Arena arena_;
    engine::Model model_;
    std::span<std::byte> vocabulary_;
    Writer writer_;
    bool parked_ = false;    // the run is in flash alone, whole, and another model has the memory
    bool in_flash_ = false;  // the newest checkpoint is what is in memory
    store::CheckpointInfo run_;  // step and target_step are those of now
    std::uint32_t saved_step_ = 0;
    bool weights_saved_ = false;            // a host has said that it has the weights in memory
    std::uint32_t accumulated_ = 0;         // documents of the next step that are dealt with
    std::uint32_t stored_losses_step_ = 0;  // losses up to this step are in flash
    std::uint32_t generation_ = 0;
    std::uint32_t generation_step_ = 0;
    std::uint64_t positions_ = 0;
    float loss_ = 0.0f;
    engine::StepOptions step_options_;
    std::optional<float> gradient_norm_;  // of the last step that measured it
    std::uint32_t step_us_ = 0;           // of the last step,
    std::uint32_t batch_us_ = 0;          // and of the documents so far of the next
    std::uint32_t missing_bytes_ = 0;
    rpc::ErrorCode error_ = rpc::ErrorCode::none;
    ResultBuffers results_{};
};

}  // namespace ugpt::app

// Writes texts with the pretrained model that lies in flash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "app/call_error.h"
#include "engine/engine.h"
#include "port/port.h"
#include "rpc/messages.h"
#include "store/model_image.h"

namespace ugpt::app {

// A text to be written.
struct TextRequest {
    std::string_view prompt;
    std::uint64_t seed = 0;
    engine::infer::Choice choice;  // its random number is the text's own
    std::uint32_t max_tokens = 0;  // 0: as many as there is room for
    std::uint32_t context = 0;     // 0: kDefaultContext, or the model's if that is less
};

// What texts of a length take.
struct TextPlan {
    std::uint32_t context = 0;
    engine::infer::Plan memory;
    engine::infer::Placement placement;
    std::uint8_t cores = 1;        // that take part
    std::uint32_t home_count = 0;  // of those that were asked for
    float instructions = 0.0f;     // of a token, on average over a text that fills the context
    std::uint64_t cycles = 0;      // and these too; estimates both, 0 if the chip is not known
};

// Used by the trainer task only. It has memory from `load` to `unload`, and then whatever of the
// model's weights has room there; the rest is read from flash for every token.
class Writer {
  public:
    static constexpr std::size_t kMostPromptBytes = 1024;
    static constexpr std::uint32_t kDefaultContext = 256;
    static constexpr std::uint8_t kInWords = engine::Arena::kMaxBlocks;
    static constexpr std::uint8_t kInFlash = kInWords + 1;

    Writer(port::Platform& platform, port::Flash& flash, engine::Team& team);

    // Checks the model in flash, unless that has been done, and that it has room to write as is
    // asked for.
    CallError prepare(const TextRequest& request);
    // Where the weights would lie for texts of `context` tokens, 0 as in a request, and what such a
    // text takes. `homes` are those of the tensors from `first` on: numbers of blocks of memory,
    // kInWords or kInFlash. Nothing is loaded, and no memory is needed.
    CallError plan(std::uint32_t context, std::uint32_t first, std::span<std::uint8_t> homes,
                   TextPlan& plan);
    // After the flash has changed: the model there is another one, or none.
    void forget();

    // Takes all memory of the arena, for texts that `request` is one of. To be called after
    // `prepare`.
    CallError load(const TextRequest& request, engine::Arena& arena);
    // Ends the text, and leaves the arena to others.
    void unload();
    // Whether it is loaded for a text such as this.
    [[nodiscard]] bool loaded_for(const TextRequest& request) const;
    [[nodiscard]] bool loaded() const { return !model_.empty(); }

    // Takes the place of the text before. To be called after `load`.
    CallError begin(std::uint32_t text_id, const TextRequest& request);
    // Computes one token. False if there is none to be computed.
    bool advance();
    // Tells `observer` of every phase, of texts begun later too; nullptr for none.
    void observe(engine::PhaseObserver* observer);
    void stop();
    [[nodiscard]] bool writing() const { return end_ == rpc::TextEnd::none && loaded(); }
    [[nodiscard]] std::optional<std::uint32_t> text_id() const { return text_id_; }
    [[nodiscard]] rpc::TextEnd end() const { return end_; }

    // The prompt's tokens, BOS among them, and those that were drawn.
    [[nodiscard]] std::uint32_t token_count() const { return count_; }
    [[nodiscard]] std::uint32_t prompt_tokens() const { return prompt_tokens_; }
    // Of a token behind BOS; a byte that stands for itself is in `byte`.
    [[nodiscard]] std::string_view text_of(std::uint32_t number, char& byte) const;
    // Copies the bytes of whole tokens from number `first` on, and returns the number of the next.
    std::uint32_t read(std::uint32_t first, std::span<char> out, std::size_t& size) const;
    // Tokens that have gone through the model, and how long that took.
    [[nodiscard]] std::uint32_t computed() const { return computed_; }
    [[nodiscard]] std::uint64_t computed_us() const { return computed_us_; }

    [[nodiscard]] const store::ModelImage& image() const { return image_; }
    [[nodiscard]] std::uint32_t context() const { return model_.context(); }
    [[nodiscard]] const engine::infer::Placement& placement() const { return placement_; }

  private:
    // What lies in the arena beside the model's own memory.
    struct Parts {
        std::span<engine::infer::Tensor> tensors;
        std::span<engine::Token> tokens;  // of the text
        std::span<engine::Token> merged;  // for the tokenizer
    };

    CallError open();
    CallError fit(std::uint32_t context, engine::Arena& arena, engine::infer::Plan& plan) const;
    [[nodiscard]] engine::infer::Format matrix_format() const;
    [[nodiscard]] std::uint32_t context_of(std::uint32_t wanted) const;
    Parts take_parts(std::uint32_t context, engine::Arena& arena) const;
    void draw();
    // Takes the time of a chip for the token computed last, if the platform keeps a chip's pace.
    void keep_pace(std::uint64_t begun_us);

    port::Platform& platform_;
    port::Flash& flash_;
    engine::Team& team_;
    store::ModelImage image_;
    bool opened_ = false;
    engine::infer::LanguageModel model_;
    engine::infer::Placement placement_;
    Parts parts_;
    engine::PhaseObserver* observer_ = nullptr;

    std::optional<std::uint32_t> text_id_;
    rpc::TextEnd end_ = rpc::TextEnd::stopped;
    std::uint64_t seed_ = 0;
    engine::infer::Choice choice_;
    std::uint32_t max_tokens_ = 0;
    std::uint32_t prompt_tokens_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t computed_ = 0;
    std::uint64_t computed_us_ = 0;
};

}  // namespace ugpt::app

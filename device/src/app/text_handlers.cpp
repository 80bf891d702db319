// The methods of texts that the pretrained model writes.
#include <algorithm>

#include "app/bytes_of.h"
#include "app/handlers.h"
#include "app/planning.h"
#include "app/trainer.h"

namespace ugpt::app {
namespace {

rpc::Story describe(const Writer& writer, std::span<std::uint8_t> room) {
    const base::Sha256::Digest digest = writer.image().digest();
    std::ranges::copy(digest, room.begin());
    const engine::infer::Placement& placement = writer.placement();
    return {.name = writer.image().name(),
            .sha256 = room.first(digest.size()),
            .context = static_cast<std::uint16_t>(writer.context()),
            .memory_bytes = placement.memory_bytes(),
            .word_memory_bytes = placement.word_memory.bytes,
            .flash_bytes = placement.flash.bytes,
            .flash_bytes_per_token = placement.flash.bytes_per_token};
}

// The places of the weights in the order of the protocol.
class Places {
  public:
    Places(port::Platform& platform, std::span<char> text)
        : platform_(platform), text_(text), has_words_(!platform.word_memory().empty()) {}

    void add(std::string_view name, std::uint64_t size, const engine::infer::Share& share,
             rpc::TextPlan& plan) {
        const std::string_view separator = used_ == 0 ? "" : ",";
        for (const std::string_view part : {separator, name})
            for (const char c : part)
                if (used_ < text_.size()) text_[used_++] = c;
        plan.places = {text_.data(), used_};
        plan.size_bytes.push_back(saturated(size));
        plan.weights_bytes.push_back(share.bytes);
        plan.read_bytes.push_back(share.bytes_per_token);
    }

    void add_all(const engine::infer::Placement& placement, std::uint64_t flash_bytes,
                 rpc::TextPlan& plan) {
        const auto blocks = platform_.memory_blocks();
        for (std::size_t i = 0; i < blocks.size(); ++i)
            add(platform_.memory_kind(i).name, blocks[i].size(), placement.blocks[i], plan);
        if (has_words_) add("IRAM", platform_.word_memory().size(), placement.word_memory, plan);
        add("flash", flash_bytes, placement.flash, plan);
    }

    // The number of a home among them.
    [[nodiscard]] std::uint8_t number_of(std::uint8_t home) const {
        const auto blocks = static_cast<std::uint8_t>(platform_.memory_blocks().size());
        if (home < Writer::kInWords) return home;
        return home == Writer::kInWords ? blocks : blocks + (has_words_ ? 1 : 0);
    }

  private:
    port::Platform& platform_;
    std::span<char> text_;
    std::size_t used_ = 0;
    bool has_words_;
};

}  // namespace

CallError handle(Trainer& trainer, const rpc::TextBeginParams& params,
                 rpc::TextBeginResult& result) {
    const Writer& writer = trainer.writer();
    if (writer.text_id() != params.text_id) {
        const TextRequest request{
            .prompt = {reinterpret_cast<const char*>(params.prompt.data()), params.prompt.size()},
            .seed = params.seed,
            .choice = {.temperature = params.temperature,
                       .top_k = params.top_k,
                       .top_p = params.top_p},
            .max_tokens = params.max_tokens,
            .context = params.context};
        const CallError error = trainer.begin_text(params.text_id, request);
        if (error.refused()) return error;
    }
    result.story = describe(writer, trainer.results().bytes);
    result.prompt_tokens = static_cast<std::uint16_t>(writer.prompt_tokens());
    return {};
}

CallError handle(Trainer& trainer, const rpc::TextPlanParams& params, rpc::TextPlanResult& result) {
    constexpr std::size_t kMostHomes = 256;
    const std::span<std::uint8_t> room = trainer.results().bytes;
    const std::span<std::uint8_t> homes = room.first(kMostHomes);
    TextPlan found;
    if (const CallError error = trainer.writer().plan(params.context, params.first, homes, found);
        error.refused())
        return error;
    port::Platform& platform = trainer.platform();
    rpc::TextPlan& plan = result.plan;
    plan.context = static_cast<std::uint16_t>(found.context);
    plan.cache_bytes = saturated(found.memory.cache_bytes);
    plan.activations_bytes = saturated(found.memory.activations_bytes);
    const std::span<std::uint8_t> text = room.subspan(kMostHomes);
    Places places(platform, {reinterpret_cast<char*>(text.data()), text.size()});
    places.add_all(found.placement, trainer.models().room_bytes(), plan);
    for (std::uint8_t& home : homes) home = places.number_of(home);
    plan.homes = homes.first(found.home_count);
    plan.cores = found.cores;
    const port::Chip& chip = platform.chip();
    if (chip.cost_hz == 0) return {};
    plan.flash_bytes_per_s = chip.flash_bytes_per_s;
    plan.instructions = static_cast<std::uint32_t>(found.instructions);
    plan.token_ns = nanoseconds(found.cycles, chip.cost_hz);
    return {};
}

CallError handle(Trainer& trainer, const rpc::TextReadParams& params, rpc::TextReadResult& result) {
    const Writer& writer = trainer.writer();
    if (writer.text_id() != params.text_id)
        return {rpc::ErrorCode::bad_params, 0, "text_id: the device has no such text any more"};
    const std::span<std::uint8_t> room = trainer.results().bytes;
    std::size_t size = 0;
    const std::uint32_t next =
        writer.read(params.first, {reinterpret_cast<char*>(room.data()), room.size()}, size);
    result.next = static_cast<std::uint16_t>(next);
    result.text = room.first(size);
    result.ended = next < writer.token_count() ? rpc::TextEnd::none : writer.end();
    result.computed = static_cast<std::uint16_t>(writer.computed());
    result.computed_us = writer.computed_us();
    return {};
}

CallError handle(Trainer& trainer, const rpc::TextStopParams& params, rpc::TextStopResult&) {
    if (trainer.writer().text_id() == params.text_id) trainer.stop_text();
    return {};
}

}  // namespace ugpt::app

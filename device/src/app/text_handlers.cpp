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
            .memory_bytes = saturated(placement.memory_bytes),
            .word_memory_bytes = saturated(placement.word_memory_bytes),
            .flash_bytes = saturated(placement.flash_bytes),
            .flash_bytes_per_token = saturated(placement.flash_bytes_per_token)};
}

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

#include "app/document_intake.h"

#include <array>

#include "app/tokens.h"

namespace ugpt::app {

// Documents sent for an earlier line of steps do not count for this one.
std::uint32_t DocumentIntake::next(const Progress& progress) {
    if (generation_ != progress.generation) {
        generation_ = progress.generation;
        next_ = progress.generation_step * progress.batch;
    }
    return next_;
}

std::uint16_t DocumentIntake::room(const Progress& progress) const {
    return static_cast<std::uint16_t>(shared_.documents.room_for(progress.block_size));
}

rpc::ErrorCode DocumentIntake::push(std::span<const std::uint8_t> encoded, const Progress& progress,
                                    bool& taken) {
    std::array<engine::Token, rpc::kBlockSizeMax> tokens;
    std::size_t count = 0;
    if (!decode_tokens(encoded, progress.vocab_size, std::span(tokens).first(progress.block_size),
                       count))
        return rpc::ErrorCode::bad_token;
    taken = shared_.documents.push({next_, static_cast<std::uint16_t>(generation_)},
                                   std::span(tokens).first(count));
    return rpc::ErrorCode::none;
}

CallError DocumentIntake::take(const Progress& progress, std::uint32_t first,
                               const rpc::BinArray& documents) {
    if (progress.vocab_size == 0) return rpc::ErrorCode::no_model;
    if (first > next(progress)) return {rpc::ErrorCode::gap, next_};
    std::uint32_t index = first;
    bool taken = true;
    for (const auto encoded : documents) {
        if (index++ < next_) continue;
        const rpc::ErrorCode error = push(encoded, progress, taken);
        if (error != rpc::ErrorCode::none) return {error, next_};
        if (!taken) break;
        ++next_;
    }
    return {};
}

}  // namespace ugpt::app

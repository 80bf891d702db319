#include "app/writer.h"

#include <algorithm>

#include "app/image_faults.h"
#include "app/planning.h"
#include "store/model_store.h"

namespace ugpt::app {
namespace {

using store::ImageFault;

// What can be returned at once; the vocabularies in use have pieces of a tenth of that.
constexpr std::size_t kMostPieceBytes = 512;

bool has_long_piece(const engine::Vocabulary& vocabulary) {
    for (std::size_t i = 0; i < vocabulary.size(); ++i)
        if (vocabulary.offsets[i + 1] - vocabulary.offsets[i] > kMostPieceBytes) return true;
    return false;
}

}  // namespace

Writer::Writer(port::Platform& platform, port::Flash& flash, engine::Team& team)
    : platform_(platform), flash_(flash), team_(team) {}

// Most of the time goes into the checksums of all of it.
CallError Writer::open() {
    if (opened_) return {};
    const ImageFault fault = store::ModelStore(flash_).open(image_);
    if (fault == ImageFault::absent) return rpc::ErrorCode::no_story;
    if (fault != ImageFault::none)
        return {rpc::ErrorCode::bad_story, image_.faulty_tensor(), fault_text(fault)};
    if (has_long_piece(image_.vocabulary()))
        return {rpc::ErrorCode::bad_story, 0, "The vocabulary has a piece of over 512 bytes"};
    opened_ = true;
    return {};
}

void Writer::forget() {
    unload();
    opened_ = false;
}

std::uint32_t Writer::context_of(const TextRequest& request) const {
    return request.context != 0 ? request.context
                                : std::min(kDefaultContext, image_.shape().context);
}

bool Writer::loaded_for(const TextRequest& request) const {
    return loaded() && model_.context() == context_of(request);
}

Writer::Parts Writer::take_parts(std::uint32_t context, engine::Arena& arena) const {
    const std::uint32_t tensors = image_.shape().tensor_count();
    constexpr std::size_t kMostTokens = kMostPromptBytes + engine::most_tokens({});
    return {.tensors = arena.take_array<engine::infer::Tensor>(tensors),
            .homes = arena.take_array<engine::infer::Home>(tensors),
            .tokens = arena.take_array<engine::Token>(std::max<std::size_t>(context, kMostTokens)),
            .merged = arena.take_array<engine::Token>(kMostTokens)};
}

CallError Writer::prepare(const TextRequest& request) {
    if (const CallError error = open(); error.refused()) return error;
    const engine::infer::Shape& shape = image_.shape();
    const std::uint32_t context = context_of(request);
    if (context > shape.context)
        return {rpc::ErrorCode::bad_params, shape.context,
                "context: longer than the texts that the model was trained for"};
    engine::Arena arena = measuring_arena(platform_.memory_blocks());
    (void)take_parts(context, arena);
    const auto plan = engine::infer::LanguageModel::plan(shape, context, arena);
    if (!plan.fits())
        return {rpc::ErrorCode::does_not_fit, saturated(plan.missing_bytes),
                "The context needs more memory than the device has"};
    return {};
}

// The weights come last: what the text needs has to lie in memory, and they have not.
CallError Writer::load(const TextRequest& request, engine::Arena& arena) {
    const std::uint32_t context = context_of(request);
    unload();
    arena.clear();
    parts_ = take_parts(context, arena);
    for (std::uint32_t i = 0; i < parts_.tensors.size(); ++i) parts_.tensors[i] = image_.tensor(i);
    const engine::infer::Weights weights{.shape = image_.shape(),
                                         .norm_epsilon = image_.norm_epsilon(),
                                         .rope_steps = image_.rope_steps(),
                                         .tensors = parts_.tensors};
    if (!model_.create(weights, context, arena, &team_)) return rpc::ErrorCode::does_not_fit;
    const std::span<std::byte> words = platform_.word_memory();
    engine::Arena word_arena(std::span(&words, 1));
    placement_ = place(image_.shape(), parts_.tensors, arena, word_arena, parts_.homes);
    return {};
}

void Writer::unload() {
    model_ = {};
    parts_ = {};
    text_id_.reset();
    end_ = rpc::TextEnd::stopped;
    count_ = prompt_tokens_ = 0;
}

CallError Writer::begin(std::uint32_t text_id, const TextRequest& request) {
    text_id_.reset();
    end_ = rpc::TextEnd::stopped;
    const auto tokens = static_cast<std::uint32_t>(
        encode(image_.vocabulary(), request.prompt, parts_.tokens, parts_.merged));
    if (tokens >= model_.context()) return {rpc::ErrorCode::long_prompt, tokens};
    text_id_ = text_id;
    end_ = rpc::TextEnd::none;
    seed_ = request.seed;
    choice_ = request.choice;
    max_tokens_ = request.max_tokens;
    prompt_tokens_ = count_ = tokens;
    computed_ = 0;
    computed_us_ = 0;
    return {};
}

void Writer::stop() {
    if (writing()) end_ = rpc::TextEnd::stopped;
}

bool Writer::advance() {
    if (!writing()) return false;
    const std::uint64_t begun_us = platform_.now_us();
    model_.forward(parts_.tokens[computed_], computed_);
    ++computed_;
    if (computed_ == count_) draw();
    computed_us_ += platform_.now_us() - begun_us;
    return true;
}

// Picks the token behind those that have been computed.
void Writer::draw() {
    const engine::Vocabulary& vocabulary = image_.vocabulary();
    choice_.uniform = engine::infer::uniform_of(seed_, count_ - prompt_tokens_);
    const auto token = model_.pick(choice_);
    if (!token) {
        end_ = rpc::TextEnd::not_finite;
    } else if (*token == vocabulary.eos || *token == vocabulary.bos) {
        end_ = rpc::TextEnd::end_of_text;
    } else {
        parts_.tokens[count_++] = *token;
        if (count_ - prompt_tokens_ == max_tokens_)
            end_ = rpc::TextEnd::max_tokens;
        else if (count_ == model_.context())
            end_ = rpc::TextEnd::context_full;
    }
}

std::string_view Writer::text_of(std::uint32_t number, char& byte) const {
    return decode(image_.vocabulary(), parts_.tokens[number - 1], parts_.tokens[number], byte);
}

std::uint32_t Writer::read(std::uint32_t first, std::span<char> out, std::size_t& size) const {
    size = 0;
    std::uint32_t next = std::max<std::uint32_t>(first, 1u);
    for (; next < count_; ++next) {
        char byte = 0;
        const std::string_view text = text_of(next, byte);
        if (text.size() > out.size() - size) break;
        std::ranges::copy(text, out.begin() + static_cast<std::ptrdiff_t>(size));
        size += text.size();
    }
    return next;
}

}  // namespace ugpt::app

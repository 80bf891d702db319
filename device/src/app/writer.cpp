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

// How a plan takes tokens to be chosen: as `ugpt write` chooses them unless told otherwise.
constexpr engine::infer::Choice kPlannedChoice{.temperature = 1.0f, .top_p = 0.9f};

bool has_long_piece(const engine::Vocabulary& vocabulary) {
    for (std::size_t i = 0; i < vocabulary.size(); ++i)
        if (vocabulary.offsets[i + 1] - vocabulary.offsets[i] > kMostPieceBytes) return true;
    return false;
}

// Weights that get their place in memory.
class LoadedTensors final : public engine::infer::TensorList {
  public:
    explicit LoadedTensors(std::span<engine::infer::Tensor> tensors) : tensors_(tensors) {}

    [[nodiscard]] std::uint32_t count() const override {
        return static_cast<std::uint32_t>(tensors_.size());
    }
    [[nodiscard]] engine::infer::Tensor tensor(std::uint32_t index) const override {
        return tensors_[index];
    }
    void moved(std::uint32_t index, engine::infer::Home,
               const engine::infer::Tensor& tensor) override {
        tensors_[index] = tensor;
    }

  private:
    std::span<engine::infer::Tensor> tensors_;
};

// Weights that stay where they are, while it is noted where some of them would go.
class PlannedTensors final : public engine::infer::TensorList {
  public:
    PlannedTensors(const store::ModelImage& image, std::uint32_t first,
                   std::span<std::uint8_t> homes)
        : image_(image), first_(first), homes_(homes) {}

    [[nodiscard]] std::uint32_t count() const override { return image_.shape().tensor_count(); }
    [[nodiscard]] engine::infer::Tensor tensor(std::uint32_t index) const override {
        return image_.tensor(index);
    }
    void moved(std::uint32_t index, engine::infer::Home home,
               const engine::infer::Tensor&) override {
        if (index >= first_ && index - first_ < homes_.size())
            homes_[index - first_] = number_of(home);
    }

    // How many homes have been noted.
    [[nodiscard]] std::uint32_t noted() const {
        const std::uint32_t rest = count() > first_ ? count() - first_ : 0;
        return std::min(rest, static_cast<std::uint32_t>(homes_.size()));
    }

  private:
    static std::uint8_t number_of(engine::infer::Home home) {
        switch (home.kind) {
            case engine::infer::Home::Kind::memory:
                return home.block;
            case engine::infer::Home::Kind::word_memory:
                return Writer::kInWords;
            case engine::infer::Home::Kind::flash:
                break;
        }
        return Writer::kInFlash;
    }

    const store::ModelImage& image_;
    std::uint32_t first_;
    std::span<std::uint8_t> homes_;
};

// Of the chip, however many threads a virtual device has.
engine::infer::ChipSpeed chip_speed(port::Platform& platform) {
    const port::Chip& chip = platform.chip();
    engine::infer::ChipSpeed speed{
        .clock_hz = chip.cost_hz, .cores = chip.cores, .flash_bytes_per_s = chip.flash_bytes_per_s};
    const std::size_t blocks =
        std::min(platform.memory_blocks().size(), speed.block_bytes_per_s.size());
    for (std::size_t i = 0; i < blocks; ++i)
        speed.block_bytes_per_s[i] = platform.memory_kind(i).bytes_per_s;
    return speed;
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

std::uint32_t Writer::context_of(std::uint32_t wanted) const {
    return wanted != 0 ? wanted : std::min(kDefaultContext, image_.shape().context);
}

bool Writer::loaded_for(const TextRequest& request) const {
    return loaded() && model_.context() == context_of(request.context);
}

Writer::Parts Writer::take_parts(std::uint32_t context, engine::Arena& arena) const {
    const std::uint32_t tensors = image_.shape().tensor_count();
    constexpr std::size_t kMostTokens = kMostPromptBytes + engine::most_tokens({});
    return {.tensors = arena.take_array<engine::infer::Tensor>(tensors),
            .tokens = arena.take_array<engine::Token>(std::max<std::size_t>(context, kMostTokens)),
            .merged = arena.take_array<engine::Token>(kMostTokens)};
}

// Takes from a measuring arena what a text takes from a real one.
CallError Writer::fit(std::uint32_t context, engine::Arena& arena,
                      engine::infer::Plan& plan) const {
    const engine::infer::Shape& shape = image_.shape();
    if (context > shape.context)
        return {rpc::ErrorCode::bad_params, shape.context,
                "context: longer than the texts that the model was trained for"};
    (void)take_parts(context, arena);
    plan = engine::infer::LanguageModel::plan(shape, context, arena);
    if (!plan.fits())
        return {rpc::ErrorCode::does_not_fit, saturated(plan.missing_bytes),
                "The context needs more memory than the device has"};
    return {};
}

CallError Writer::prepare(const TextRequest& request) {
    if (const CallError error = open(); error.refused()) return error;
    engine::Arena arena = measuring_arena(platform_);
    engine::infer::Plan plan;
    return fit(context_of(request.context), arena, plan);
}

CallError Writer::plan(std::uint32_t context, std::uint32_t first, std::span<std::uint8_t> homes,
                       TextPlan& plan) {
    if (const CallError error = open(); error.refused()) return error;
    plan.context = context_of(context);
    engine::Arena arena = measuring_arena(platform_);
    if (const CallError error = fit(plan.context, arena, plan.memory); error.refused())
        return error;
    PlannedTensors tensors(image_, first, homes);
    plan.placement = place(image_.shape(), tensors, arena);
    plan.home_count = tensors.noted();
    const engine::infer::ChipSpeed chip = chip_speed(platform_);
    plan.cores = chip.cores;
    if (chip.clock_hz == 0) return {};
    const float positions = static_cast<float>(plan.context + 1) / 2.0f;
    const auto instructions = engine::infer::token_instructions(image_.shape(), matrix_format(),
                                                                positions, kPlannedChoice);
    plan.instructions = instructions.together();
    plan.cycles = engine::infer::token_cycles(instructions, plan.placement, chip);
    return {};
}

engine::infer::Format Writer::matrix_format() const {
    return image_.tensor(engine::infer::classifier_tensor(image_.shape())).format;
}

// The weights come last: what the text needs has to lie in memory, and they have not.
CallError Writer::load(const TextRequest& request, engine::Arena& arena) {
    const std::uint32_t context = context_of(request.context);
    unload();
    arena.clear();
    parts_ = take_parts(context, arena);
    for (std::uint32_t i = 0; i < parts_.tensors.size(); ++i) parts_.tensors[i] = image_.tensor(i);
    const engine::infer::Weights weights{.shape = image_.shape(),
                                         .norm_epsilon = image_.norm_epsilon(),
                                         .rope_steps = image_.rope_steps(),
                                         .tensors = parts_.tensors};
    if (!model_.create(weights, context, arena, &team_)) return rpc::ErrorCode::does_not_fit;
    LoadedTensors loaded(parts_.tensors);
    placement_ = place(image_.shape(), loaded, arena);
    model_.observe(observer_);
    return {};
}

void Writer::unload() {
    model_.forget();
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
    if (platform_.paced()) keep_pace(begun_us);
    computed_us_ += platform_.now_us() - begun_us;
    return true;
}

void Writer::keep_pace(std::uint64_t begun_us) {
    const auto instructions = engine::infer::token_instructions(
        image_.shape(), matrix_format(), static_cast<float>(computed_), choice_);
    platform_.spend(engine::infer::token_cycles(instructions, placement_, chip_speed(platform_)),
                    begun_us);
}

void Writer::observe(engine::PhaseObserver* observer) {
    observer_ = observer;
    model_.observe(observer);
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

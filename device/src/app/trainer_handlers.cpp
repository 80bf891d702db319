// The methods that the trainer answers between two training steps.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "app/bytes_of.h"
#include "app/convert.h"
#include "app/handlers.h"
#include "app/planning.h"
#include "app/store_errors.h"
#include "app/tokens.h"
#include "app/trainer.h"
#include "base/sha256.h"

namespace ugpt::app {
namespace {

constexpr std::uint32_t kBlockValues = 64;    // packed moments are written in whole blocks
constexpr std::size_t kValuesPerReply = 256;  // they fit the smallest frame

// A range of a tensor that a request names.
struct Range {
    engine::Parameter parameter;
    std::size_t offset = 0;
    std::size_t count = 0;
};

// Nothing if there is no such tensor or the range begins beyond its end.
std::optional<Range> find_range(const engine::Model& model, std::string_view name,
                                std::uint32_t offset, std::size_t count) {
    const std::optional<engine::Parameter> parameter = model.find(name);
    if (!parameter || offset >= parameter->size()) return {};
    return Range{*parameter, offset, std::min<std::size_t>(count, parameter->size() - offset)};
}

}  // namespace

// The model

CallError handle(Trainer& trainer, const rpc::CreateParams& params, rpc::CreateResult& result) {
    const rpc::ErrorCode error = trainer.create(params.run_id, to_engine(params.shape),
                                                to_engine(params.recipe), params.vocabulary_bytes);
    if (error == rpc::ErrorCode::does_not_fit) return {error, trainer.missing_bytes()};
    if (error != rpc::ErrorCode::none) return error;
    result.plan = describe_plan(trainer.platform(), trainer.cores(), params.shape, params.recipe,
                                params.vocabulary_bytes);
    return {};
}

CallError handle(Trainer& trainer, const rpc::ModelInfoParams&, rpc::ModelInfoResult& result) {
    if (!trainer.has_run()) return rpc::ErrorCode::no_model;
    const store::CheckpointInfo& run = trainer.run();
    result.model = {run.run_id, to_rpc(run.shape), to_rpc(run.recipe), run.vocabulary_bytes,
                    run.step};
    return {};
}

CallError handle(Trainer& trainer, const rpc::InitWeightsParams& params, rpc::InitWeightsResult&) {
    return trainer.init_weights(params.seed, params.deviation);
}

CallError handle(Trainer& trainer, const rpc::VocabularyWriteParams& params,
                 rpc::VocabularyWriteResult&) {
    if (const auto error = trainer.need_run(); error != rpc::ErrorCode::none) return error;
    const std::span<std::byte> vocabulary = trainer.vocabulary();
    if (params.offset > vocabulary.size() || params.data.size() > vocabulary.size() - params.offset)
        return {rpc::ErrorCode::bad_params, 0, "the vocabulary is shorter than that"};
    trainer.vocabulary_changed();
    std::ranges::copy(std::as_bytes(params.data), vocabulary.begin() + params.offset);
    return {};
}

CallError handle(Trainer& trainer, const rpc::VocabularyReadParams& params,
                 rpc::VocabularyReadResult& result) {
    if (!trainer.has_run()) return rpc::ErrorCode::no_model;
    const std::span<const std::byte> vocabulary = trainer.stored_vocabulary();
    if (params.offset > vocabulary.size())
        return {rpc::ErrorCode::bad_params, 0, "the vocabulary is shorter than that"};
    const std::size_t count =
        std::min<std::size_t>(params.count, vocabulary.size() - params.offset);
    result.data = bytes_of(vocabulary.subspan(params.offset, count));
    return {};
}

CallError handle(Trainer& trainer, const rpc::TensorWriteParams& params, rpc::TensorWriteResult&) {
    if (const auto error = trainer.need_run(); error != rpc::ErrorCode::none) return error;
    if (trainer.training()) return rpc::ErrorCode::busy;
    const std::size_t count = params.data.size() / sizeof(float);
    const auto range = find_range(trainer.model(), params.name, params.offset, count);
    if (!range || range->count * sizeof(float) != params.data.size())
        return rpc::ErrorCode::unknown_tensor;
    const bool to_the_end = range->offset + count == range->parameter.size();
    if (range->offset % kBlockValues != 0 || (count % kBlockValues != 0 && !to_the_end))
        return {rpc::ErrorCode::bad_params, kBlockValues, "data: not in whole blocks of values"};
    trainer.weights_changed();
    const std::span<float> values = trainer.results().values;
    for (std::size_t done = 0; done < count; done += values.size()) {
        const auto part = values.first(std::min(values.size(), count - done));
        std::memcpy(part.data(), params.data.data() + done * sizeof(float), part.size_bytes());
        trainer.model().write(range->parameter, to_engine(params.kind), range->offset + done, part);
    }
    return {};
}

CallError handle(Trainer& trainer, const rpc::TensorReadParams& params,
                 rpc::TensorReadResult& result) {
    if (const auto error = trainer.need_run(); error != rpc::ErrorCode::none) return error;
    const auto range = find_range(trainer.model(), params.name, params.offset,
                                  std::min(kValuesPerReply, std::size_t{params.count}));
    if (!range) return rpc::ErrorCode::unknown_tensor;
    const auto values = std::span(trainer.results().values).first(range->count);
    trainer.model().read(range->parameter, to_engine(params.kind), range->offset, values);
    result.data = bytes_of(values);
    return {};
}

CallError handle(Trainer& trainer, const rpc::WeightsDigestParams&,
                 rpc::WeightsDigestResult& result) {
    if (const auto error = trainer.need_run(); error != rpc::ErrorCode::none) return error;
    const base::Sha256::Digest digest = trainer.digest();
    std::ranges::copy(digest, trainer.results().bytes.begin());
    result.step = trainer.run().step;
    result.sha256 = std::span(trainer.results().bytes).first(digest.size());
    return {};
}

CallError handle(Trainer& trainer, const rpc::WeightsSavedParams& params,
                 rpc::WeightsSavedResult&) {
    return trainer.weights_saved(params.step, params.sha256);
}

CallError handle(Trainer& trainer, const rpc::SeekParams& params, rpc::SeekResult&) {
    return trainer.seek(params.step);
}

// Training

CallError handle(Trainer& trainer, const rpc::TrainParams& params, rpc::TrainResult&) {
    return trainer.train(params.target_step, params.save_every, to_store(params.source),
                         params.gradient_norm);
}

CallError handle(Trainer& trainer, const rpc::PauseParams&, rpc::PauseResult& result) {
    const rpc::ErrorCode error = trainer.pause();
    result.step = trainer.run().step;
    return error;
}

CallError handle(Trainer& trainer, const rpc::StopParams&, rpc::StopResult& result) {
    const bool pausing_saves = trainer.training() && trainer.run().source == store::Source::flash;
    rpc::ErrorCode error = trainer.pause();
    if (error == rpc::ErrorCode::none && !pausing_saves) error = trainer.save();
    result.step = trainer.run().step;
    return error;
}

CallError handle(Trainer& trainer, const rpc::SaveParams&, rpc::SaveResult& result) {
    const rpc::ErrorCode error = trainer.save();
    result.step = trainer.run().step;
    return error;
}

CallError handle(Trainer& trainer, const rpc::EvaluateParams& params, rpc::EvaluateResult& result) {
    if (const auto error = trainer.need_run(); error != rpc::ErrorCode::none) return error;
    engine::Model& model = trainer.model();
    std::array<engine::Token, rpc::kBlockSizeMax> tokens;
    // The losses of the documents, then those of their positions.
    const std::span<float> losses = trainer.results().values;
    std::span<float> positions = losses.subspan(params.documents.size());
    std::size_t evaluated = 0;
    for (const auto encoded : params.documents) {
        std::size_t count = 0;
        if (!decode_tokens(encoded, model.shape().vocab_size,
                           std::span(tokens).first(model.shape().block_size), count))
            return rpc::ErrorCode::bad_token;
        const std::size_t all = std::min<std::size_t>(count + 1, model.shape().block_size);
        const std::size_t size = params.by_token ? all : 0;
        if (size > positions.size())
            return {rpc::ErrorCode::bad_params, 0, "documents: too many positions for an answer"};
        const std::uint64_t begun_us = trainer.platform().now_us();
        losses[evaluated++] = model.evaluate(std::span(tokens).first(count), positions.first(size));
        trainer.platform().spend(
            engine::evaluation_cycles(model.shape(), all, trainer.platform().chip().cores),
            begun_us);
        positions = positions.subspan(size);
    }
    result.step = trainer.run().step;
    result.losses = bytes_of(losses.first(evaluated));
    result.token_losses =
        bytes_of(losses.subspan(evaluated).first(losses.size() - evaluated - positions.size()));
    return {};
}

CallError handle(Trainer& trainer, const rpc::CurveParams& params, rpc::CurveResult& result) {
    const auto room = std::span(trainer.results().values)
                          .first(std::min(kValuesPerReply, std::size_t{params.count}));
    const store::LossRange kept = trainer.read_loss_history(params.first, room);
    // A host that knows no strides takes them for the losses of consecutive steps from `first` on.
    const bool consecutive = kept.stride == 1 && kept.first == params.first;
    if (kept.count > 0 && (params.strided || consecutive)) {
        result.first = kept.first;
        result.stride = kept.stride;
        result.values = bytes_of(room.first(kept.count));
    }
    return {};
}

CallError handle(Trainer& trainer, const rpc::ProfileParams& params, rpc::ProfileResult& result) {
    trainer.set_profiling(params.enabled);
    result.profile = to_rpc(trainer.profile(), trainer.platform().chip().tick_hz);
    return {};
}

// Sampling

CallError handle(Trainer& trainer, const rpc::SampleParams& params, rpc::SampleResult& result) {
    if (const auto error = trainer.need_run(); error != rpc::ErrorCode::none) return error;
    engine::Model& model = trainer.model();
    const engine::Shape& shape = model.shape();
    std::array<engine::Token, rpc::kBlockSizeMax> tokens;
    std::array<engine::Token, rpc::kBlockSizeMax> prompt;
    std::array<float, rpc::kBlockSizeMax> uniforms;
    std::size_t prompt_size = 0;
    if (!decode_tokens(params.prompt, shape.vocab_size,
                       std::span(prompt).first(shape.block_size - 1), prompt_size))
        return rpc::ErrorCode::bad_token;
    const std::size_t uniform_count = params.uniforms.size() / sizeof(float);
    if (uniform_count > uniforms.size() ||
        (uniform_count > 0 && uniform_count < shape.block_size - prompt_size))
        return {rpc::ErrorCode::bad_params, 0, "uniforms: not one for each token to be drawn"};
    std::memcpy(uniforms.data(), params.uniforms.data(), uniform_count * sizeof(float));
    const std::uint64_t begun_us = trainer.platform().now_us();
    const engine::Sample sample =
        model.sample({.seed = params.seed,
                      .sample_index = params.number,
                      .temperature = params.temperature,
                      .top_k = params.top_k,
                      .top_p = params.top_p,
                      .prompt = std::span(prompt).first(prompt_size),
                      .uniforms = std::span(uniforms).first(uniform_count)},
                     tokens);
    const std::size_t drawn = prompt_size + sample.length + (sample.ended ? 1 : 0);
    trainer.platform().spend(engine::sample_cycles(shape, model.recipe(), drawn), begun_us);
    const std::span<std::uint8_t> room = trainer.results().bytes;
    const std::size_t size =
        encode_tokens(std::span(tokens).first(sample.length), shape.vocab_size, room);
    result.tokens = room.first(size);
    result.ended = sample.ended;
    return {};
}

CallError handle(Trainer& trainer, const rpc::AutorunParams& params, rpc::AutorunResult&) {
    return trainer.set_autorun(
        {params.enabled, params.temperature, params.enabled && params.console});
}

// The data set

CallError handle(Trainer& trainer, const rpc::DataBeginParams& params, rpc::DataBeginResult&) {
    if (trainer.training() && trainer.run().source == store::Source::flash)
        return rpc::ErrorCode::busy;
    const rpc::DataSet& data = params.data;
    std::uint32_t missing_bytes = 0;
    const store::Result begun = trainer.documents().begin(
        {data.documents, data.size_bytes, data.token_bytes, data.crc}, missing_bytes);
    return {error_code(begun), missing_bytes};
}

CallError handle(Trainer& trainer, const rpc::DataWriteParams& params, rpc::DataWriteResult&) {
    return error_code(trainer.documents().write(params.offset, params.content));
}

CallError handle(Trainer& trainer, const rpc::DataCommitParams&, rpc::DataCommitResult&) {
    return error_code(trainer.documents().commit());
}

CallError handle(Trainer& trainer, const rpc::DataInfoParams&, rpc::DataInfoResult& result) {
    const auto found = trainer.documents().find();
    if (!found) return rpc::ErrorCode::bad_data;
    result.data = {found->documents, found->size_bytes,
                   static_cast<std::uint8_t>(found->token_bytes), found->crc};
    return {};
}

// The arithmetic

CallError handle(Trainer& trainer, const rpc::SelfTestParams&, rpc::SelfTestResult& result) {
    constexpr std::size_t kMostBytes = 256;
    const auto room = std::span(trainer.results().bytes).first<kMostBytes>();
    const std::span text(reinterpret_cast<char*>(room.data()), room.size());
    const engine::SelfTest test = engine::run_self_test();
    result.digest = test.digest;
    result.expected = test.expected;
    result.failed = {text.data(), engine::write_failed(test, text)};
    return {};
}

}  // namespace ugpt::app

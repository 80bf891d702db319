#include "app/trainer_task.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "app/convert.h"
#include "app/store_errors.h"

namespace ugpt::app {
namespace {

constexpr std::uint32_t kBlockValues = 64;  // packed moments are written in whole blocks

// A range of a tensor that a request names.
struct Range {
    std::optional<engine::Parameter> parameter;  // without a value: there is no such range
    engine::TensorKind kind = engine::TensorKind::weights;
    std::size_t offset = 0;
    std::size_t count = 0;
};

Range find_range(const engine::Model& model, std::string_view name, rpc::TensorKind kind,
                 std::uint32_t offset, std::size_t count) {
    const std::optional<engine::Parameter> parameter = model.find(name);
    if (!parameter || offset >= parameter->size()) return {};
    return {parameter, static_cast<engine::TensorKind>(kind), offset,
            std::min<std::size_t>(count, parameter->size() - offset)};
}

std::span<const std::uint8_t> bytes_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

TrainerTask::TrainerTask(const Ports& ports, Shared& shared, std::span<Exchange> exchanges,
                         std::span<std::uint8_t> scratch)
    : ports_(ports),
      shared_(shared),
      exchanges_(exchanges),
      scratch_(scratch),
      trainer_(ports.platform, ports.flash, ports.log, shared) {}

void TrainerTask::run() {
    trainer_.boot();
    ports_.serial.wake();
    while (!shared_.stop.load(std::memory_order_relaxed)) {
        while (const auto index = shared_.requests.pop()) answer_next(*index);
        if (trainer_.advance()) continue;
        ports_.trainer_signal.wait(trainer_.idle_wait_ms());
        if (TextLine line; trainer_.draw_autorun_text(line) && shared_.texts.push(line))
            ports_.serial.wake();
    }
}

void TrainerTask::answer_next(std::uint8_t index) {
    Exchange& exchange = exchanges_[index];
    rpc::Request request;
    // The link task has parsed it once; a request that is here can be answered.
    (void)rpc::parse_request(exchange.body(), request);
    const auto response = answer_request(request);
    std::memcpy(exchange.buffer.data(), response.data(), response.size());
    exchange.size = response.size();
    shared_.answers.push(index);
    ports_.serial.wake();
}

std::span<const std::uint8_t> TrainerTask::answer_request(const rpc::Request& request) {
    switch (*request.method) {
        case rpc::Method::vocabulary_write:
        case rpc::Method::vocabulary_read:
        case rpc::Method::tensor_write:
        case rpc::Method::tensor_read:
            return answer_tensor(request);
        case rpc::Method::data_begin:
        case rpc::Method::data_write:
        case rpc::Method::data_commit:
        case rpc::Method::data_info:
            return answer_data(request);
        default:
            return answer_run(request);
    }
}

std::span<const std::uint8_t> TrainerTask::answer_tensor(const rpc::Request& request) {
    switch (*request.method) {
        case rpc::Method::vocabulary_write:
            return answer<rpc::VocabularyWriteParams>(
                request, scratch_,
                [this](const auto& in, auto&) { return vocabulary_write(in); });
        case rpc::Method::vocabulary_read:
            return answer<rpc::VocabularyReadParams>(
                request, scratch_,
                [this](const auto& in, auto& out) { return vocabulary_read(in, out); });
        case rpc::Method::tensor_write:
            return answer<rpc::TensorWriteParams>(
                request, scratch_, [this](const auto& in, auto&) { return tensor_write(in); });
        default:
            return answer<rpc::TensorReadParams>(
                request, scratch_,
                [this](const auto& in, auto& out) { return tensor_read(in, out); });
    }
}

std::span<const std::uint8_t> TrainerTask::answer_data(const rpc::Request& request) {
    switch (*request.method) {
        case rpc::Method::data_begin:
            return answer<rpc::DataBeginParams>(
                request, scratch_, [this](const auto& in, auto&) { return data_begin(in.data); });
        case rpc::Method::data_write:
            return answer<rpc::DataWriteParams>(request, scratch_, [this](const auto& in, auto&) {
                return Refusal{error_code(trainer_.documents().write(in.offset, in.content))};
            });
        case rpc::Method::data_commit:
            return answer<rpc::DataCommitParams>(request, scratch_, [this](const auto&, auto&) {
                return Refusal{error_code(trainer_.documents().commit())};
            });
        default:
            return answer<rpc::DataInfoParams>(
                request, scratch_, [this](const auto&, auto& out) { return data_info(out.data); });
    }
}

std::span<const std::uint8_t> TrainerTask::answer_run(const rpc::Request& request) {
    switch (*request.method) {
        case rpc::Method::create:
            return answer<rpc::CreateParams>(
                request, scratch_, [this](const auto& in, auto& out) { return create(in, out); });
        case rpc::Method::model_info:
            return answer<rpc::ModelInfoParams>(
                request, scratch_,
                [this](const auto&, auto& out) { return model_info(out.model); });
        case rpc::Method::init_weights:
            return answer<rpc::InitWeightsParams>(
                request, scratch_, [this](const auto& in, auto&) {
                    return Refusal{trainer_.init_weights(in.seed, in.deviation)};
                });
        case rpc::Method::seek:
            return answer<rpc::SeekParams>(request, scratch_, [this](const auto& in, auto&) {
                return Refusal{trainer_.seek(in.step)};
            });
        case rpc::Method::train:
            return answer<rpc::TrainParams>(request, scratch_, [this](const auto& in, auto&) {
                return Refusal{trainer_.train(in.target_step, in.save_every,
                                              static_cast<store::Source>(in.source))};
            });
        case rpc::Method::pause:
            return answer<rpc::PauseParams>(request, scratch_, [this](const auto&, auto& out) {
                const rpc::ErrorCode error = trainer_.pause();
                out.step = trainer_.run().step;
                return Refusal{error};
            });
        case rpc::Method::save:
            return answer<rpc::SaveParams>(request, scratch_, [this](const auto&, auto& out) {
                const rpc::ErrorCode error = trainer_.save();
                out.step = trainer_.run().step;
                return Refusal{error};
            });
        case rpc::Method::sample:
            return answer<rpc::SampleParams>(
                request, scratch_, [this](const auto& in, auto& out) { return sample(in, out); });
        case rpc::Method::evaluate:
            return answer<rpc::EvaluateParams>(
                request, scratch_,
                [this](const auto& in, auto& out) { return evaluate(in, out); });
        case rpc::Method::curve:
            return answer<rpc::CurveParams>(
                request, scratch_, [this](const auto& in, auto& out) { return curve(in, out); });
        case rpc::Method::autorun:
            return answer<rpc::AutorunParams>(request, scratch_, [this](const auto& in, auto&) {
                return Refusal{trainer_.set_autorun({in.enabled, in.temperature})};
            });
        case rpc::Method::self_test:
            return answer<rpc::SelfTestParams>(request, scratch_, [this](const auto&, auto& out) {
                const engine::SelfTest test = engine::run_self_test();
                out.digest = test.digest;
                out.expected = test.expected;
                out.failed = {failed_.data(), engine::write_failed(test, failed_)};
                return Refusal{};
            });
        case rpc::Method::profile:
            return answer<rpc::ProfileParams>(request, scratch_, [this](const auto& in, auto& out) {
                trainer_.set_profiling(in.enabled);
                out.profile = to_rpc(trainer_.profile(), ports_.platform.chip().tick_hz);
                return Refusal{};
            });
        default:
            return encode_refusal(scratch_, request.id, rpc::ErrorCode::unknown_method);
    }
}

Refusal TrainerTask::create(const rpc::CreateParams& params, rpc::CreateResult& result) {
    const rpc::ErrorCode error =
        trainer_.create(params.run_id, to_engine(params.shape), to_engine(params.recipe),
                        params.vocabulary_bytes);
    if (error == rpc::ErrorCode::does_not_fit) return {error, trainer_.missing_bytes()};
    if (error != rpc::ErrorCode::none) return error;
    result.plan =
        describe_plan(ports_.platform, params.shape, params.recipe, params.vocabulary_bytes);
    return {};
}

Refusal TrainerTask::model_info(rpc::ModelInfo& info) {
    if (trainer_.model().empty()) return rpc::ErrorCode::no_model;
    const store::CheckpointInfo& run = trainer_.run();
    info = {run.run_id, to_rpc(run.shape), to_rpc(run.recipe), run.vocabulary_bytes, run.step};
    return {};
}

Refusal TrainerTask::vocabulary_write(const rpc::VocabularyWriteParams& params) {
    const std::span<std::byte> vocabulary = trainer_.vocabulary();
    if (trainer_.model().empty()) return rpc::ErrorCode::no_model;
    if (params.offset > vocabulary.size() ||
        params.data.size() > vocabulary.size() - params.offset)
        return {rpc::ErrorCode::bad_params, 0, "the vocabulary is shorter than that"};
    std::memcpy(vocabulary.data() + params.offset, params.data.data(), params.data.size());
    return {};
}

Refusal TrainerTask::vocabulary_read(const rpc::VocabularyReadParams& params,
                                     rpc::VocabularyReadResult& result) {
    const std::span<std::byte> vocabulary = trainer_.vocabulary();
    if (trainer_.model().empty()) return rpc::ErrorCode::no_model;
    if (params.offset > vocabulary.size())
        return {rpc::ErrorCode::bad_params, 0, "the vocabulary is shorter than that"};
    const std::size_t count =
        std::min<std::size_t>(params.count, vocabulary.size() - params.offset);
    result.data = bytes_of(vocabulary.subspan(params.offset, count));
    return {};
}

Refusal TrainerTask::tensor_write(const rpc::TensorWriteParams& params) {
    if (trainer_.model().empty()) return rpc::ErrorCode::no_model;
    if (trainer_.training()) return rpc::ErrorCode::busy;
    const std::size_t count = params.data.size() / sizeof(float);
    const Range range =
        find_range(trainer_.model(), params.name, params.kind, params.offset, count);
    if (!range.parameter || range.count * sizeof(float) != params.data.size())
        return rpc::ErrorCode::unknown_tensor;
    const bool to_the_end = range.offset + count == range.parameter->size();
    if (range.offset % kBlockValues != 0 || (count % kBlockValues != 0 && !to_the_end))
        return {rpc::ErrorCode::bad_params, kBlockValues, "data: not in whole blocks of values"};
    for (std::size_t done = 0; done < count; done += values_.size()) {
        const auto part = std::span(values_).first(std::min(values_.size(), count - done));
        std::memcpy(part.data(), params.data.data() + done * sizeof(float), part.size_bytes());
        trainer_.model().write(*range.parameter, range.kind, range.offset + done, part);
    }
    return {};
}

Refusal TrainerTask::tensor_read(const rpc::TensorReadParams& params,
                                 rpc::TensorReadResult& result) {
    if (trainer_.model().empty()) return rpc::ErrorCode::no_model;
    const Range range =
        find_range(trainer_.model(), params.name, params.kind, params.offset,
                   std::min(values_.size(), std::size_t{params.count}));
    if (!range.parameter) return rpc::ErrorCode::unknown_tensor;
    const auto values = std::span(values_).first(range.count);
    trainer_.model().read(*range.parameter, range.kind, range.offset, values);
    result.data = bytes_of(std::as_bytes(values));
    return {};
}

Refusal TrainerTask::evaluate(const rpc::EvaluateParams& params, rpc::EvaluateResult& result) {
    engine::Model& model = trainer_.model();
    if (model.empty()) return rpc::ErrorCode::no_model;
    std::array<engine::Token, rpc::kBlockSizeMax> tokens;
    std::size_t evaluated = 0;
    for (const auto encoded : params.documents) {
        std::size_t count = 0;
        if (!decode_tokens(encoded, model.shape().vocab_size,
                           std::span(tokens).first(model.shape().block_size), count))
            return rpc::ErrorCode::bad_token;
        values_[evaluated++] = model.evaluate(std::span(tokens).first(count));
    }
    result.step = trainer_.run().step;
    result.losses = bytes_of(std::as_bytes(std::span(values_).first(evaluated)));
    return {};
}

Refusal TrainerTask::curve(const rpc::CurveParams& params, rpc::CurveResult& result) {
    const std::size_t count = trainer_.read_loss_history(
        params.first,
        std::span(values_).first(std::min(values_.size(), std::size_t{params.count})));
    result.values = bytes_of(std::as_bytes(std::span(values_).first(count)));
    return {};
}

Refusal TrainerTask::data_begin(const rpc::DataSet& data) {
    if (trainer_.training() && trainer_.run().source == store::Source::flash)
        return rpc::ErrorCode::busy;
    std::uint32_t missing_bytes = 0;
    const store::Result result = trainer_.documents().begin(
        {data.documents, data.size_bytes, data.token_bytes, data.crc}, missing_bytes);
    return {error_code(result), missing_bytes};
}

Refusal TrainerTask::data_info(rpc::DataSet& data) {
    const auto found = trainer_.documents().find();
    if (!found) return rpc::ErrorCode::bad_data;
    data = {found->documents, found->size_bytes, static_cast<std::uint8_t>(found->token_bytes),
            found->crc};
    return {};
}

Refusal TrainerTask::sample(const rpc::SampleParams& params, rpc::SampleResult& result) {
    engine::Model& model = trainer_.model();
    if (model.empty()) return rpc::ErrorCode::no_model;
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
    const engine::Sample sample = model.sample(
        {params.seed, params.number, params.temperature, std::span(prompt).first(prompt_size),
         std::span(uniforms).first(uniform_count)},
        tokens);
    const std::size_t size =
        encode_tokens(std::span(tokens).first(sample.length), shape.vocab_size, sampled_);
    result.tokens = std::span(sampled_).first(size);
    result.ended = sample.ended;
    return {};
}

}  // namespace ugpt::app

// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
#include "rpc/messages.h"

#include <cstddef>

// The row of a member.
#define UGPT_FIELD(Struct, member, ...) \
    field<decltype(Struct::member)>(#member, offsetof(Struct, member) __VA_OPT__(, ) __VA_ARGS__)

namespace ugpt::rpc {

std::string_view error_text(ErrorCode code) {
    switch (code) {
        case ErrorCode::none:
            return {};
        case ErrorCode::bad_message:
            return "The frame was whole, but its body is not a MessagePack-RPC request.";
        case ErrorCode::unknown_method:
            return "The firmware does not know this method.";
        case ErrorCode::bad_params:
            return "A parameter is missing, has the wrong type or lies outside its range.";
        case ErrorCode::wrong_version:
            return "Host and firmware speak different major versions of the protocol.";
        case ErrorCode::busy:
            return "The command needs an idle trainer, and one is training.";
        case ErrorCode::no_model:
            return "The device holds no model.";
        case ErrorCode::does_not_fit:
            return
                "The model needs more memory than the device has; detail carries the missing "
                "bytes.";
        case ErrorCode::bad_shape:
            return "The numbers of the shape contradict each other.";
        case ErrorCode::gap:
            return
                "These documents start after the next one the device needs; detail carries "
                "the wanted index.";
        case ErrorCode::bad_token:
            return "A token lies outside the vocabulary of the model.";
        case ErrorCode::unknown_tensor:
            return "The model has no tensor of that name, or the range lies outside it.";
        case ErrorCode::flash_failed:
            return "Reading, erasing or writing the flash failed.";
        case ErrorCode::no_room:
            return "The flash region is too small; detail carries the missing bytes.";
        case ErrorCode::not_finite:
            return
                "The loss became infinite or not a number; training stopped before the "
                "weights were touched again.";
        case ErrorCode::other_run:
            return "The device holds another run than the one named.";
        case ErrorCode::bad_data:
            return "The device holds no complete data set.";
        case ErrorCode::no_story:
            return "There is no pretrained model in the flash.";
        case ErrorCode::bad_story:
            return "The pretrained model is damaged, or newer than the firmware.";
        case ErrorCode::long_prompt:
            return "The prompt fills the context; detail carries its tokens.";
        case ErrorCode::hello_first:
            return "The device has started since the last `hello`, or has not seen one yet.";
    }
    return {};
}

std::optional<Method> find_method(std::string_view name) {
    for (std::size_t i = 0; i < kMethods.size(); ++i) {
        if (kMethods[i] == name) {
            return static_cast<Method>(i);
        }
    }
    return std::nullopt;
}

static constexpr Field kShapeFields[]{
    UGPT_FIELD(Shape, n_layer, range(1u, 64u)),
    UGPT_FIELD(Shape, n_embd, range(1u, 1024u)),
    UGPT_FIELD(Shape, n_head, range(1u, 64u)),
    UGPT_FIELD(Shape, block_size, range(1u, 256u)),
    UGPT_FIELD(Shape, vocab_size, range(2u, 65535u)),
};
constinit const Layout Shape::kLayout{kShapeFields, 5};

static constexpr Field kRecipeFields[]{
    UGPT_FIELD(Recipe, learning_rate, range(0.0f, 10.0f)),
    UGPT_FIELD(Recipe, beta1, range(0.0f, 0.9999f)),
    UGPT_FIELD(Recipe, beta2, range(0.0f, 0.9999f)),
    UGPT_FIELD(Recipe, epsilon, range(1e-10f, 0.01f)),
    UGPT_FIELD(Recipe, total_steps, range(1u, 16777216u)),
    UGPT_FIELD(Recipe, batch, range(1u, 1024u)),
    UGPT_FIELD(Recipe, schedule),
    UGPT_FIELD(Recipe, warmup_steps, range(0u, 16777216u)),
    UGPT_FIELD(Recipe, weight_decay, range(0.0f, 1.0f)),
    UGPT_FIELD(Recipe, clip_norm, range(0.0f, 1000000.0f)),
    UGPT_FIELD(Recipe, moments),
    UGPT_FIELD(Recipe, recompute),
};
constinit const Layout Recipe::kLayout{kRecipeFields, 5};

static constexpr Field kHelloFields[]{
    UGPT_FIELD(Hello, major),
    UGPT_FIELD(Hello, minor),
    UGPT_FIELD(Hello, build, max_bytes(64)),
    UGPT_FIELD(Hello, chip, max_bytes(32)),
    UGPT_FIELD(Hello, board, max_bytes(32)),
    UGPT_FIELD(Hello, virtual_device),
    UGPT_FIELD(Hello, cores),
    UGPT_FIELD(Hello, clock_hz),
    UGPT_FIELD(Hello, memory_blocks, max_items(4)),
    UGPT_FIELD(Hello, checkpoint_bytes),
    UGPT_FIELD(Hello, boot),
    UGPT_FIELD(Hello, frame_bytes, range(1280u, 8192u)),
    UGPT_FIELD(Hello, window, range(1u, 16u)),
    UGPT_FIELD(Hello, baud_max),
    UGPT_FIELD(Hello, data_bytes),
    UGPT_FIELD(Hello, device_id),
    UGPT_FIELD(Hello, flash_bytes),
    UGPT_FIELD(Hello, regions, max_items(16)),
    UGPT_FIELD(Hello, model_bytes),
    UGPT_FIELD(Hello, estimated),
    UGPT_FIELD(Hello, flash_mode),
    UGPT_FIELD(Hello, flash_hz),
    UGPT_FIELD(Hello, chip_revision),
    UGPT_FIELD(Hello, image_sha256, max_bytes(32)),
    UGPT_FIELD(Hello, word_memory_bytes),
};
constinit const Layout Hello::kLayout{kHelloFields, 14};

static constexpr Field kStatusFields[]{
    UGPT_FIELD(Status, state),
    UGPT_FIELD(Status, run_id),
    UGPT_FIELD(Status, step),
    UGPT_FIELD(Status, target_step),
    UGPT_FIELD(Status, saved_step),
    UGPT_FIELD(Status, loss),
    UGPT_FIELD(Status, positions),
    UGPT_FIELD(Status, documents_next),
    UGPT_FIELD(Status, documents_free),
    UGPT_FIELD(Status, first_loss_step),
    UGPT_FIELD(Status, error),
    UGPT_FIELD(Status, step_us),
    UGPT_FIELD(Status, free_bytes),
    UGPT_FIELD(Status, source),
    UGPT_FIELD(Status, autorun),
    UGPT_FIELD(Status, detached),
    UGPT_FIELD(Status, heap_free_bytes),
    UGPT_FIELD(Status, heap_least_free_bytes),
    UGPT_FIELD(Status, temperature_c),
    UGPT_FIELD(Status, gradient_norm),
    UGPT_FIELD(Status, unsaved),
    UGPT_FIELD(Status, loaded),
    UGPT_FIELD(Status, writing),
};
constinit const Layout Status::kLayout{kStatusFields, 13};

static constexpr Field kStoryFields[]{
    UGPT_FIELD(Story, name, max_bytes(63)),
    UGPT_FIELD(Story, sha256, max_bytes(32)),
    UGPT_FIELD(Story, context),
    UGPT_FIELD(Story, memory_bytes),
    UGPT_FIELD(Story, word_memory_bytes),
    UGPT_FIELD(Story, flash_bytes),
    UGPT_FIELD(Story, flash_bytes_per_token),
};
constinit const Layout Story::kLayout{kStoryFields, 7};

static constexpr Field kTextPlanFields[]{
    UGPT_FIELD(TextPlan, context),
    UGPT_FIELD(TextPlan, cache_bytes),
    UGPT_FIELD(TextPlan, activations_bytes),
    UGPT_FIELD(TextPlan, places, max_bytes(64)),
    UGPT_FIELD(TextPlan, size_bytes, max_items(6)),
    UGPT_FIELD(TextPlan, weights_bytes, max_items(6)),
    UGPT_FIELD(TextPlan, read_bytes, max_items(6)),
    UGPT_FIELD(TextPlan, homes, max_bytes(256)),
    UGPT_FIELD(TextPlan, cores),
    UGPT_FIELD(TextPlan, flash_bytes_per_s),
    UGPT_FIELD(TextPlan, instructions),
    UGPT_FIELD(TextPlan, token_ns),
};
constinit const Layout TextPlan::kLayout{kTextPlanFields, 12};

static constexpr Field kPlanFields[]{
    UGPT_FIELD(Plan, parameters),
    UGPT_FIELD(Plan, weights_bytes),
    UGPT_FIELD(Plan, moments_bytes),
    UGPT_FIELD(Plan, gradients_bytes),
    UGPT_FIELD(Plan, activations_bytes),
    UGPT_FIELD(Plan, vocabulary_bytes),
    UGPT_FIELD(Plan, total_bytes),
    UGPT_FIELD(Plan, available_bytes),
    UGPT_FIELD(Plan, missing_bytes),
    UGPT_FIELD(Plan, checkpoint_bytes),
    UGPT_FIELD(Plan, fits),
    UGPT_FIELD(Plan, step_ns),
    UGPT_FIELD(Plan, token_ns),
};
constinit const Layout Plan::kLayout{kPlanFields, 11};

static constexpr Field kDataSetFields[]{
    UGPT_FIELD(DataSet, documents, range(1u, 4294967295u)),
    UGPT_FIELD(DataSet, size_bytes, range(3u, 4294967295u)),
    UGPT_FIELD(DataSet, token_bytes, range(1u, 2u)),
    UGPT_FIELD(DataSet, crc),
};
constinit const Layout DataSet::kLayout{kDataSetFields, 4};

static constexpr Field kModelInfoFields[]{
    UGPT_FIELD(ModelInfo, run_id),
    UGPT_FIELD(ModelInfo, shape),
    UGPT_FIELD(ModelInfo, recipe),
    UGPT_FIELD(ModelInfo, vocabulary_bytes),
    UGPT_FIELD(ModelInfo, step),
};
constinit const Layout ModelInfo::kLayout{kModelInfoFields, 5};

static constexpr Field kLlamaShapeFields[]{
    UGPT_FIELD(LlamaShape, n_layer),
    UGPT_FIELD(LlamaShape, n_embd),
    UGPT_FIELD(LlamaShape, n_head),
    UGPT_FIELD(LlamaShape, n_kv_head),
    UGPT_FIELD(LlamaShape, n_hidden),
    UGPT_FIELD(LlamaShape, vocab_size),
    UGPT_FIELD(LlamaShape, context),
    UGPT_FIELD(LlamaShape, tied_classifier),
};
constinit const Layout LlamaShape::kLayout{kLlamaShapeFields, 8};

static constexpr Field kImageInfoFields[]{
    UGPT_FIELD(ImageInfo, whole),
    UGPT_FIELD(ImageInfo, name, max_bytes(63)),
    UGPT_FIELD(ImageInfo, licence, max_bytes(255)),
    UGPT_FIELD(ImageInfo, size_bytes),
    UGPT_FIELD(ImageInfo, sha256, max_bytes(32)),
    UGPT_FIELD(ImageInfo, format),
    UGPT_FIELD(ImageInfo, shape),
};
constinit const Layout ImageInfo::kLayout{kImageInfoFields, 7};

static constexpr Field kProfileFields[]{
    UGPT_FIELD(Profile, tick_hz, range(1u, 4294967295u)),
    UGPT_FIELD(Profile, steps),
    UGPT_FIELD(Profile, embedding),
    UGPT_FIELD(Profile, attention),
    UGPT_FIELD(Profile, mlp),
    UGPT_FIELD(Profile, loss),
    UGPT_FIELD(Profile, adam),
    UGPT_FIELD(Profile, tokens),
    UGPT_FIELD(Profile, choice),
};
constinit const Layout Profile::kLayout{kProfileFields, 7};

static constexpr Field kHelloResultFields[]{
    UGPT_FIELD(HelloResult, hello),
};
constinit const Layout HelloResult::kLayout{kHelloResultFields, 1};

static constexpr Field kHelloParamsFields[]{
    UGPT_FIELD(HelloParams, major),
    UGPT_FIELD(HelloParams, minor),
};
constinit const Layout HelloParams::kLayout{kHelloParamsFields, 2};

static constexpr Field kPingResultFields[]{
    UGPT_FIELD(PingResult, payload, max_bytes(8000)),
};
constinit const Layout PingResult::kLayout{kPingResultFields, 1};

static constexpr Field kPingParamsFields[]{
    UGPT_FIELD(PingParams, payload, max_bytes(8000)),
};
constinit const Layout PingParams::kLayout{kPingParamsFields, 1};

static constexpr Field kSetBaudResultFields[]{
    UGPT_FIELD(SetBaudResult, baud),
};
constinit const Layout SetBaudResult::kLayout{kSetBaudResultFields, 1};

static constexpr Field kSetBaudParamsFields[]{
    UGPT_FIELD(SetBaudParams, baud, range(9600u, 5000000u)),
};
constinit const Layout SetBaudParams::kLayout{kSetBaudParamsFields, 1};

constinit const Layout ResetResult::kLayout{};

constinit const Layout ResetParams::kLayout{};

static constexpr Field kStatusResultFields[]{
    UGPT_FIELD(StatusResult, status),
};
constinit const Layout StatusResult::kLayout{kStatusResultFields, 1};

constinit const Layout StatusParams::kLayout{};

static constexpr Field kLossesResultFields[]{
    UGPT_FIELD(LossesResult, first),
    UGPT_FIELD(LossesResult, values, max_bytes(8000)),
};
constinit const Layout LossesResult::kLayout{kLossesResultFields, 2};

static constexpr Field kLossesParamsFields[]{
    UGPT_FIELD(LossesParams, first, range(1u, 4294967295u)),
    UGPT_FIELD(LossesParams, count, range(1u, 2048u)),
};
constinit const Layout LossesParams::kLayout{kLossesParamsFields, 2};

static constexpr Field kPlanResultFields[]{
    UGPT_FIELD(PlanResult, plan),
};
constinit const Layout PlanResult::kLayout{kPlanResultFields, 1};

static constexpr Field kPlanParamsFields[]{
    UGPT_FIELD(PlanParams, shape),
    UGPT_FIELD(PlanParams, recipe),
    UGPT_FIELD(PlanParams, vocabulary_bytes, range(0u, 262144u)),
    UGPT_FIELD(PlanParams, positions, range(0u, 256u)),
};
constinit const Layout PlanParams::kLayout{kPlanParamsFields, 3};

static constexpr Field kCreateResultFields[]{
    UGPT_FIELD(CreateResult, plan),
};
constinit const Layout CreateResult::kLayout{kCreateResultFields, 1};

static constexpr Field kCreateParamsFields[]{
    UGPT_FIELD(CreateParams, run_id, range(1u, 4294967295u)),
    UGPT_FIELD(CreateParams, shape),
    UGPT_FIELD(CreateParams, recipe),
    UGPT_FIELD(CreateParams, vocabulary_bytes, range(0u, 262144u)),
};
constinit const Layout CreateParams::kLayout{kCreateParamsFields, 4};

static constexpr Field kModelInfoResultFields[]{
    UGPT_FIELD(ModelInfoResult, model),
};
constinit const Layout ModelInfoResult::kLayout{kModelInfoResultFields, 1};

constinit const Layout ModelInfoParams::kLayout{};

constinit const Layout InitWeightsResult::kLayout{};

static constexpr Field kInitWeightsParamsFields[]{
    UGPT_FIELD(InitWeightsParams, seed),
    UGPT_FIELD(InitWeightsParams, deviation, range(0.0f, 10.0f)),
};
constinit const Layout InitWeightsParams::kLayout{kInitWeightsParamsFields, 2};

constinit const Layout VocabularyWriteResult::kLayout{};

static constexpr Field kVocabularyWriteParamsFields[]{
    UGPT_FIELD(VocabularyWriteParams, offset),
    UGPT_FIELD(VocabularyWriteParams, data, max_bytes(8000)),
};
constinit const Layout VocabularyWriteParams::kLayout{kVocabularyWriteParamsFields, 2};

static constexpr Field kVocabularyReadResultFields[]{
    UGPT_FIELD(VocabularyReadResult, data, max_bytes(8000)),
};
constinit const Layout VocabularyReadResult::kLayout{kVocabularyReadResultFields, 1};

static constexpr Field kVocabularyReadParamsFields[]{
    UGPT_FIELD(VocabularyReadParams, offset),
    UGPT_FIELD(VocabularyReadParams, count, range(0u, 8000u)),
};
constinit const Layout VocabularyReadParams::kLayout{kVocabularyReadParamsFields, 2};

constinit const Layout TensorWriteResult::kLayout{};

static constexpr Field kTensorWriteParamsFields[]{
    UGPT_FIELD(TensorWriteParams, name, max_bytes(32)),
    UGPT_FIELD(TensorWriteParams, kind),
    UGPT_FIELD(TensorWriteParams, offset),
    UGPT_FIELD(TensorWriteParams, data, max_bytes(8000)),
};
constinit const Layout TensorWriteParams::kLayout{kTensorWriteParamsFields, 4};

static constexpr Field kTensorReadResultFields[]{
    UGPT_FIELD(TensorReadResult, data, max_bytes(1024)),
};
constinit const Layout TensorReadResult::kLayout{kTensorReadResultFields, 1};

static constexpr Field kTensorReadParamsFields[]{
    UGPT_FIELD(TensorReadParams, name, max_bytes(32)),
    UGPT_FIELD(TensorReadParams, kind),
    UGPT_FIELD(TensorReadParams, offset),
    UGPT_FIELD(TensorReadParams, count, range(1u, 256u)),
};
constinit const Layout TensorReadParams::kLayout{kTensorReadParamsFields, 4};

static constexpr Field kWeightsDigestResultFields[]{
    UGPT_FIELD(WeightsDigestResult, step),
    UGPT_FIELD(WeightsDigestResult, sha256, max_bytes(32)),
};
constinit const Layout WeightsDigestResult::kLayout{kWeightsDigestResultFields, 2};

constinit const Layout WeightsDigestParams::kLayout{};

constinit const Layout WeightsSavedResult::kLayout{};

static constexpr Field kWeightsSavedParamsFields[]{
    UGPT_FIELD(WeightsSavedParams, step, range(0u, 16777216u)),
    UGPT_FIELD(WeightsSavedParams, sha256, max_bytes(32)),
};
constinit const Layout WeightsSavedParams::kLayout{kWeightsSavedParamsFields, 2};

constinit const Layout SeekResult::kLayout{};

static constexpr Field kSeekParamsFields[]{
    UGPT_FIELD(SeekParams, step, range(0u, 16777216u)),
};
constinit const Layout SeekParams::kLayout{kSeekParamsFields, 1};

static constexpr Field kDocumentsWriteResultFields[]{
    UGPT_FIELD(DocumentsWriteResult, next),
    UGPT_FIELD(DocumentsWriteResult, free),
};
constinit const Layout DocumentsWriteResult::kLayout{kDocumentsWriteResultFields, 2};

static constexpr Field kDocumentsWriteParamsFields[]{
    UGPT_FIELD(DocumentsWriteParams, first),
    UGPT_FIELD(DocumentsWriteParams, documents, max_items(1024, 512)),
};
constinit const Layout DocumentsWriteParams::kLayout{kDocumentsWriteParamsFields, 2};

static constexpr Field kEvaluateResultFields[]{
    UGPT_FIELD(EvaluateResult, step),
    UGPT_FIELD(EvaluateResult, losses, max_bytes(1024)),
    UGPT_FIELD(EvaluateResult, token_losses, max_bytes(1280)),
};
constinit const Layout EvaluateResult::kLayout{kEvaluateResultFields, 2};

static constexpr Field kEvaluateParamsFields[]{
    UGPT_FIELD(EvaluateParams, documents, max_items(256, 512)),
    UGPT_FIELD(EvaluateParams, by_token),
};
constinit const Layout EvaluateParams::kLayout{kEvaluateParamsFields, 1};

constinit const Layout TrainResult::kLayout{};

static constexpr Field kTrainParamsFields[]{
    UGPT_FIELD(TrainParams, target_step, range(0u, 16777216u)),
    UGPT_FIELD(TrainParams, save_every),
    UGPT_FIELD(TrainParams, source),
    UGPT_FIELD(TrainParams, gradient_norm),
};
constinit const Layout TrainParams::kLayout{kTrainParamsFields, 2};

static constexpr Field kPauseResultFields[]{
    UGPT_FIELD(PauseResult, step),
};
constinit const Layout PauseResult::kLayout{kPauseResultFields, 1};

constinit const Layout PauseParams::kLayout{};

static constexpr Field kStopResultFields[]{
    UGPT_FIELD(StopResult, step),
};
constinit const Layout StopResult::kLayout{kStopResultFields, 1};

constinit const Layout StopParams::kLayout{};

static constexpr Field kSaveResultFields[]{
    UGPT_FIELD(SaveResult, step),
};
constinit const Layout SaveResult::kLayout{kSaveResultFields, 1};

constinit const Layout SaveParams::kLayout{};

static constexpr Field kSampleResultFields[]{
    UGPT_FIELD(SampleResult, tokens, max_bytes(512)),
    UGPT_FIELD(SampleResult, ended),
};
constinit const Layout SampleResult::kLayout{kSampleResultFields, 2};

static constexpr Field kSampleParamsFields[]{
    UGPT_FIELD(SampleParams, seed),
    UGPT_FIELD(SampleParams, number),
    UGPT_FIELD(SampleParams, temperature, range(0.0f, 100.0f)),
    UGPT_FIELD(SampleParams, prompt, max_bytes(512)),
    UGPT_FIELD(SampleParams, uniforms, max_bytes(1024)),
    UGPT_FIELD(SampleParams, top_k),
    UGPT_FIELD(SampleParams, top_p, range(0.0f, 1.0f)),
};
constinit const Layout SampleParams::kLayout{kSampleParamsFields, 5};

static constexpr Field kTextBeginResultFields[]{
    UGPT_FIELD(TextBeginResult, story),
    UGPT_FIELD(TextBeginResult, prompt_tokens),
};
constinit const Layout TextBeginResult::kLayout{kTextBeginResultFields, 2};

static constexpr Field kTextBeginParamsFields[]{
    UGPT_FIELD(TextBeginParams, text_id, range(1u, 4294967295u)),
    UGPT_FIELD(TextBeginParams, prompt, max_bytes(1024)),
    UGPT_FIELD(TextBeginParams, seed),
    UGPT_FIELD(TextBeginParams, temperature, range(0.0f, 100.0f)),
    UGPT_FIELD(TextBeginParams, top_k),
    UGPT_FIELD(TextBeginParams, top_p, range(0.0f, 1.0f)),
    UGPT_FIELD(TextBeginParams, max_tokens),
    UGPT_FIELD(TextBeginParams, context),
};
constinit const Layout TextBeginParams::kLayout{kTextBeginParamsFields, 8};

static constexpr Field kTextPlanResultFields[]{
    UGPT_FIELD(TextPlanResult, plan),
};
constinit const Layout TextPlanResult::kLayout{kTextPlanResultFields, 1};

static constexpr Field kTextPlanParamsFields[]{
    UGPT_FIELD(TextPlanParams, context),
    UGPT_FIELD(TextPlanParams, first),
};
constinit const Layout TextPlanParams::kLayout{kTextPlanParamsFields, 1};

static constexpr Field kTextReadResultFields[]{
    UGPT_FIELD(TextReadResult, next),
    UGPT_FIELD(TextReadResult, text, max_bytes(512)),
    UGPT_FIELD(TextReadResult, ended),
    UGPT_FIELD(TextReadResult, computed),
    UGPT_FIELD(TextReadResult, computed_us),
};
constinit const Layout TextReadResult::kLayout{kTextReadResultFields, 5};

static constexpr Field kTextReadParamsFields[]{
    UGPT_FIELD(TextReadParams, text_id, range(1u, 4294967295u)),
    UGPT_FIELD(TextReadParams, first, range(1u, 65535u)),
};
constinit const Layout TextReadParams::kLayout{kTextReadParamsFields, 2};

constinit const Layout TextStopResult::kLayout{};

static constexpr Field kTextStopParamsFields[]{
    UGPT_FIELD(TextStopParams, text_id, range(1u, 4294967295u)),
};
constinit const Layout TextStopParams::kLayout{kTextStopParamsFields, 1};

constinit const Layout DataBeginResult::kLayout{};

static constexpr Field kDataBeginParamsFields[]{
    UGPT_FIELD(DataBeginParams, data),
};
constinit const Layout DataBeginParams::kLayout{kDataBeginParamsFields, 1};

constinit const Layout DataWriteResult::kLayout{};

static constexpr Field kDataWriteParamsFields[]{
    UGPT_FIELD(DataWriteParams, offset),
    UGPT_FIELD(DataWriteParams, content, max_bytes(8000)),
};
constinit const Layout DataWriteParams::kLayout{kDataWriteParamsFields, 2};

constinit const Layout DataCommitResult::kLayout{};

constinit const Layout DataCommitParams::kLayout{};

static constexpr Field kDataInfoResultFields[]{
    UGPT_FIELD(DataInfoResult, data),
};
constinit const Layout DataInfoResult::kLayout{kDataInfoResultFields, 1};

constinit const Layout DataInfoParams::kLayout{};

static constexpr Field kImageBeginResultFields[]{
    UGPT_FIELD(ImageBeginResult, resumed),
};
constinit const Layout ImageBeginResult::kLayout{kImageBeginResultFields, 1};

static constexpr Field kImageBeginParamsFields[]{
    UGPT_FIELD(ImageBeginParams, header, max_bytes(512)),
};
constinit const Layout ImageBeginParams::kLayout{kImageBeginParamsFields, 1};

static constexpr Field kImageChecksumsResultFields[]{
    UGPT_FIELD(ImageChecksumsResult, checksums, max_bytes(512)),
};
constinit const Layout ImageChecksumsResult::kLayout{kImageChecksumsResultFields, 1};

static constexpr Field kImageChecksumsParamsFields[]{
    UGPT_FIELD(ImageChecksumsParams, first),
    UGPT_FIELD(ImageChecksumsParams, count, range(1u, 128u)),
};
constinit const Layout ImageChecksumsParams::kLayout{kImageChecksumsParamsFields, 2};

constinit const Layout ImageWriteResult::kLayout{};

static constexpr Field kImageWriteParamsFields[]{
    UGPT_FIELD(ImageWriteParams, offset, range(512u, 4294967295u)),
    UGPT_FIELD(ImageWriteParams, content, max_bytes(8000)),
};
constinit const Layout ImageWriteParams::kLayout{kImageWriteParamsFields, 2};

constinit const Layout ImageCommitResult::kLayout{};

constinit const Layout ImageCommitParams::kLayout{};

static constexpr Field kImageInfoResultFields[]{
    UGPT_FIELD(ImageInfoResult, image),
};
constinit const Layout ImageInfoResult::kLayout{kImageInfoResultFields, 1};

constinit const Layout ImageInfoParams::kLayout{};

constinit const Layout ImageEraseResult::kLayout{};

constinit const Layout ImageEraseParams::kLayout{};

static constexpr Field kCurveResultFields[]{
    UGPT_FIELD(CurveResult, values, max_bytes(8000)),
    UGPT_FIELD(CurveResult, first),
    UGPT_FIELD(CurveResult, stride),
};
constinit const Layout CurveResult::kLayout{kCurveResultFields, 1};

static constexpr Field kCurveParamsFields[]{
    UGPT_FIELD(CurveParams, first, range(1u, 4294967295u)),
    UGPT_FIELD(CurveParams, count, range(1u, 2048u)),
    UGPT_FIELD(CurveParams, strided),
};
constinit const Layout CurveParams::kLayout{kCurveParamsFields, 2};

constinit const Layout AutorunResult::kLayout{};

static constexpr Field kAutorunParamsFields[]{
    UGPT_FIELD(AutorunParams, enabled),
    UGPT_FIELD(AutorunParams, temperature, range(0.001f, 100.0f)),
    UGPT_FIELD(AutorunParams, console),
};
constinit const Layout AutorunParams::kLayout{kAutorunParamsFields, 2};

static constexpr Field kSelfTestResultFields[]{
    UGPT_FIELD(SelfTestResult, digest),
    UGPT_FIELD(SelfTestResult, expected),
    UGPT_FIELD(SelfTestResult, failed, max_bytes(256)),
};
constinit const Layout SelfTestResult::kLayout{kSelfTestResultFields, 2};

constinit const Layout SelfTestParams::kLayout{};

static constexpr Field kProfileResultFields[]{
    UGPT_FIELD(ProfileResult, profile),
};
constinit const Layout ProfileResult::kLayout{kProfileResultFields, 1};

static constexpr Field kProfileParamsFields[]{
    UGPT_FIELD(ProfileParams, enabled),
};
constinit const Layout ProfileParams::kLayout{kProfileParamsFields, 1};

static constexpr Field kLogNotificationFields[]{
    UGPT_FIELD(LogNotification, level),
    UGPT_FIELD(LogNotification, text, max_bytes(512)),
};
constinit const Layout LogNotification::kLayout{kLogNotificationFields, 2};

}  // namespace ugpt::rpc

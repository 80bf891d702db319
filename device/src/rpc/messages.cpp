// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
#include "rpc/messages.h"

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
            return "The data set in flash is absent, incomplete or does not match its checksum.";
        case ErrorCode::hello_first:
            return "The device has started since the last `hello`, or has not seen one yet.";
    }
    return {};
}

std::optional<Method> find_method(std::string_view name) {
    for (std::size_t i = 0; i < kMethods.size(); ++i) {
        if (kMethods[i].name == name) {
            return static_cast<Method>(i);
        }
    }
    return std::nullopt;
}

bool decode(Reader& reader, Shape& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("n_layer", out.n_layer, 1, 64);
    fields.read("n_embd", out.n_embd, 1, 1024);
    fields.read("n_head", out.n_head, 1, 64);
    fields.read("block_size", out.block_size, 1, 256);
    fields.read("vocab_size", out.vocab_size, 2, 65535);
    return fields.finish();
}

void encode(Writer& writer, const Shape& in) {
    writer.array(5);
    writer.uint(in.n_layer);
    writer.uint(in.n_embd);
    writer.uint(in.n_head);
    writer.uint(in.block_size);
    writer.uint(in.vocab_size);
}

bool decode(Reader& reader, Recipe& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("learning_rate", out.learning_rate, FloatRange{0.0f, 10.0f, "0.0", "10.0"});
    fields.read("beta1", out.beta1, FloatRange{0.0f, 0.9999f, "0.0", "0.9999"});
    fields.read("beta2", out.beta2, FloatRange{0.0f, 0.9999f, "0.0", "0.9999"});
    fields.read("epsilon", out.epsilon, FloatRange{1e-10f, 0.01f, "1e-10", "0.01"});
    fields.read("total_steps", out.total_steps, 1, 16777216);
    if (fields.more()) {
        fields.read("batch", out.batch, 1, 1024);
    } else {
        out.batch = 1;
    }
    if (fields.more()) {
        fields.read("schedule", out.schedule);
    } else {
        out.schedule = Schedule::linear;
    }
    if (fields.more()) {
        fields.read("warmup_steps", out.warmup_steps, 0, 16777216);
    } else {
        out.warmup_steps = 0;
    }
    if (fields.more()) {
        fields.read("weight_decay", out.weight_decay, FloatRange{0.0f, 1.0f, "0.0", "1.0"});
    } else {
        out.weight_decay = 0.0f;
    }
    if (fields.more()) {
        fields.read("clip_norm", out.clip_norm, FloatRange{0.0f, 1000000.0f, "0.0", "1000000.0"});
    } else {
        out.clip_norm = 0.0f;
    }
    if (fields.more()) {
        fields.read("moments", out.moments);
    } else {
        out.moments = MomentFormat::f32;
    }
    if (fields.more()) {
        fields.read("recompute", out.recompute);
    } else {
        out.recompute = false;
    }
    return fields.finish();
}

void encode(Writer& writer, const Recipe& in) {
    writer.array(12);
    writer.f32(in.learning_rate);
    writer.f32(in.beta1);
    writer.f32(in.beta2);
    writer.f32(in.epsilon);
    writer.uint(in.total_steps);
    writer.uint(in.batch);
    writer.uint(static_cast<std::uint8_t>(in.schedule));
    writer.uint(in.warmup_steps);
    writer.f32(in.weight_decay);
    writer.f32(in.clip_norm);
    writer.uint(static_cast<std::uint8_t>(in.moments));
    writer.boolean(in.recompute);
}

bool decode(Reader& reader, Hello& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("major", out.major);
    fields.read("minor", out.minor);
    fields.read("build", out.build, 64);
    fields.read("chip", out.chip, 32);
    fields.read("board", out.board, 32);
    fields.read("virtual_device", out.virtual_device);
    fields.read("cores", out.cores);
    fields.read("clock_hz", out.clock_hz);
    fields.read("memory_blocks", out.memory_blocks);
    fields.read("checkpoint_bytes", out.checkpoint_bytes);
    fields.read("boot", out.boot);
    fields.read("frame_bytes", out.frame_bytes, 1280, 8192);
    fields.read("window", out.window, 1, 16);
    fields.read("baud_max", out.baud_max);
    if (fields.more()) {
        fields.read("data_bytes", out.data_bytes);
    } else {
        out.data_bytes = 0;
    }
    return fields.finish();
}

void encode(Writer& writer, const Hello& in) {
    writer.array(15);
    writer.uint(in.major);
    writer.uint(in.minor);
    writer.str(in.build);
    writer.str(in.chip);
    writer.str(in.board);
    writer.boolean(in.virtual_device);
    writer.uint(in.cores);
    writer.uint(in.clock_hz);
    write_array(writer, in.memory_blocks);
    writer.uint(in.checkpoint_bytes);
    writer.uint(in.boot);
    writer.uint(in.frame_bytes);
    writer.uint(in.window);
    writer.uint(in.baud_max);
    writer.uint(in.data_bytes);
}

bool decode(Reader& reader, Status& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("state", out.state);
    fields.read("run_id", out.run_id);
    fields.read("step", out.step);
    fields.read("target_step", out.target_step);
    fields.read("saved_step", out.saved_step);
    fields.read("loss", out.loss);
    fields.read("positions", out.positions);
    fields.read("documents_next", out.documents_next);
    fields.read("documents_free", out.documents_free);
    fields.read("losses_first", out.losses_first);
    fields.read("error", out.error);
    fields.read("step_us", out.step_us);
    fields.read("free_bytes", out.free_bytes);
    if (fields.more()) {
        fields.read("source", out.source);
    } else {
        out.source = Source::host;
    }
    if (fields.more()) {
        fields.read("autorun", out.autorun);
    } else {
        out.autorun = false;
    }
    return fields.finish();
}

void encode(Writer& writer, const Status& in) {
    writer.array(15);
    writer.uint(static_cast<std::uint8_t>(in.state));
    writer.uint(in.run_id);
    writer.uint(in.step);
    writer.uint(in.target_step);
    writer.uint(in.saved_step);
    writer.f32(in.loss);
    writer.uint(in.positions);
    writer.uint(in.documents_next);
    writer.uint(in.documents_free);
    writer.uint(in.losses_first);
    writer.uint(in.error);
    writer.uint(in.step_us);
    writer.uint(in.free_bytes);
    writer.uint(static_cast<std::uint8_t>(in.source));
    writer.boolean(in.autorun);
}

bool decode(Reader& reader, Plan& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("parameters", out.parameters);
    fields.read("weights_bytes", out.weights_bytes);
    fields.read("moments_bytes", out.moments_bytes);
    fields.read("gradients_bytes", out.gradients_bytes);
    fields.read("activations_bytes", out.activations_bytes);
    fields.read("vocabulary_bytes", out.vocabulary_bytes);
    fields.read("total_bytes", out.total_bytes);
    fields.read("available_bytes", out.available_bytes);
    fields.read("missing_bytes", out.missing_bytes);
    fields.read("checkpoint_bytes", out.checkpoint_bytes);
    fields.read("fits", out.fits);
    return fields.finish();
}

void encode(Writer& writer, const Plan& in) {
    writer.array(11);
    writer.uint(in.parameters);
    writer.uint(in.weights_bytes);
    writer.uint(in.moments_bytes);
    writer.uint(in.gradients_bytes);
    writer.uint(in.activations_bytes);
    writer.uint(in.vocabulary_bytes);
    writer.uint(in.total_bytes);
    writer.uint(in.available_bytes);
    writer.uint(in.missing_bytes);
    writer.uint(in.checkpoint_bytes);
    writer.boolean(in.fits);
}

bool decode(Reader& reader, DataSet& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("documents", out.documents, 1);
    fields.read("size_bytes", out.size_bytes, 3);
    fields.read("token_bytes", out.token_bytes, 1, 2);
    fields.read("crc", out.crc);
    return fields.finish();
}

void encode(Writer& writer, const DataSet& in) {
    writer.array(4);
    writer.uint(in.documents);
    writer.uint(in.size_bytes);
    writer.uint(in.token_bytes);
    writer.uint(in.crc);
}

bool decode(Reader& reader, ModelInfo& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("run_id", out.run_id);
    fields.read("shape", out.shape);
    fields.read("recipe", out.recipe);
    fields.read("vocabulary_bytes", out.vocabulary_bytes);
    fields.read("step", out.step);
    return fields.finish();
}

void encode(Writer& writer, const ModelInfo& in) {
    writer.array(5);
    writer.uint(in.run_id);
    encode(writer, in.shape);
    encode(writer, in.recipe);
    writer.uint(in.vocabulary_bytes);
    writer.uint(in.step);
}

bool decode(Reader& reader, Profile& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("tick_hz", out.tick_hz, 1);
    fields.read("steps", out.steps);
    fields.read("embedding", out.embedding);
    fields.read("attention", out.attention);
    fields.read("mlp", out.mlp);
    fields.read("loss", out.loss);
    fields.read("adam", out.adam);
    return fields.finish();
}

void encode(Writer& writer, const Profile& in) {
    writer.array(7);
    writer.uint(in.tick_hz);
    writer.uint(in.steps);
    writer.uint(in.embedding);
    writer.uint(in.attention);
    writer.uint(in.mlp);
    writer.uint(in.loss);
    writer.uint(in.adam);
}

bool decode(Reader& reader, HelloResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("hello", out.hello);
    return fields.finish();
}

void encode(Writer& writer, const HelloResult& in) {
    writer.array(1);
    encode(writer, in.hello);
}

bool decode(Reader& reader, HelloParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("major", out.major);
    fields.read("minor", out.minor);
    return fields.finish();
}

void encode(Writer& writer, const HelloParams& in) {
    writer.array(2);
    writer.uint(in.major);
    writer.uint(in.minor);
}

bool decode(Reader& reader, PingResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("payload", out.payload, 8000);
    return fields.finish();
}

void encode(Writer& writer, const PingResult& in) {
    writer.array(1);
    writer.bin(in.payload);
}

bool decode(Reader& reader, PingParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("payload", out.payload, 8000);
    return fields.finish();
}

void encode(Writer& writer, const PingParams& in) {
    writer.array(1);
    writer.bin(in.payload);
}

bool decode(Reader& reader, SetBaudResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("baud", out.baud);
    return fields.finish();
}

void encode(Writer& writer, const SetBaudResult& in) {
    writer.array(1);
    writer.uint(in.baud);
}

bool decode(Reader& reader, SetBaudParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("baud", out.baud, 9600, 5000000);
    return fields.finish();
}

void encode(Writer& writer, const SetBaudParams& in) {
    writer.array(1);
    writer.uint(in.baud);
}

bool decode(Reader& reader, [[maybe_unused]] ResetResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const ResetResult& in) {
    writer.array(0);
}

bool decode(Reader& reader, [[maybe_unused]] ResetParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const ResetParams& in) {
    writer.array(0);
}

bool decode(Reader& reader, StatusResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("status", out.status);
    return fields.finish();
}

void encode(Writer& writer, const StatusResult& in) {
    writer.array(1);
    encode(writer, in.status);
}

bool decode(Reader& reader, [[maybe_unused]] StatusParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const StatusParams& in) {
    writer.array(0);
}

bool decode(Reader& reader, LossesResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("first", out.first);
    fields.read("values", out.values, 8000);
    return fields.finish();
}

void encode(Writer& writer, const LossesResult& in) {
    writer.array(2);
    writer.uint(in.first);
    writer.bin(in.values);
}

bool decode(Reader& reader, LossesParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("first", out.first, 1);
    fields.read("count", out.count, 1, 2048);
    return fields.finish();
}

void encode(Writer& writer, const LossesParams& in) {
    writer.array(2);
    writer.uint(in.first);
    writer.uint(in.count);
}

bool decode(Reader& reader, PlanResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("plan", out.plan);
    return fields.finish();
}

void encode(Writer& writer, const PlanResult& in) {
    writer.array(1);
    encode(writer, in.plan);
}

bool decode(Reader& reader, PlanParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("shape", out.shape);
    fields.read("recipe", out.recipe);
    fields.read("vocabulary_bytes", out.vocabulary_bytes, 0, 262144);
    return fields.finish();
}

void encode(Writer& writer, const PlanParams& in) {
    writer.array(3);
    encode(writer, in.shape);
    encode(writer, in.recipe);
    writer.uint(in.vocabulary_bytes);
}

bool decode(Reader& reader, CreateResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("plan", out.plan);
    return fields.finish();
}

void encode(Writer& writer, const CreateResult& in) {
    writer.array(1);
    encode(writer, in.plan);
}

bool decode(Reader& reader, CreateParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("run_id", out.run_id, 1);
    fields.read("shape", out.shape);
    fields.read("recipe", out.recipe);
    fields.read("vocabulary_bytes", out.vocabulary_bytes, 0, 262144);
    return fields.finish();
}

void encode(Writer& writer, const CreateParams& in) {
    writer.array(4);
    writer.uint(in.run_id);
    encode(writer, in.shape);
    encode(writer, in.recipe);
    writer.uint(in.vocabulary_bytes);
}

bool decode(Reader& reader, ModelInfoResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("model", out.model);
    return fields.finish();
}

void encode(Writer& writer, const ModelInfoResult& in) {
    writer.array(1);
    encode(writer, in.model);
}

bool decode(Reader& reader, [[maybe_unused]] ModelInfoParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const ModelInfoParams& in) {
    writer.array(0);
}

bool decode(Reader& reader, [[maybe_unused]] InitWeightsResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const InitWeightsResult& in) {
    writer.array(0);
}

bool decode(Reader& reader, InitWeightsParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("seed", out.seed);
    fields.read("deviation", out.deviation, FloatRange{0.0f, 10.0f, "0.0", "10.0"});
    return fields.finish();
}

void encode(Writer& writer, const InitWeightsParams& in) {
    writer.array(2);
    writer.uint(in.seed);
    writer.f32(in.deviation);
}

bool decode(Reader& reader, [[maybe_unused]] VocabularyWriteResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const VocabularyWriteResult& in) {
    writer.array(0);
}

bool decode(Reader& reader, VocabularyWriteParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("offset", out.offset);
    fields.read("data", out.data, 8000);
    return fields.finish();
}

void encode(Writer& writer, const VocabularyWriteParams& in) {
    writer.array(2);
    writer.uint(in.offset);
    writer.bin(in.data);
}

bool decode(Reader& reader, VocabularyReadResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("data", out.data, 8000);
    return fields.finish();
}

void encode(Writer& writer, const VocabularyReadResult& in) {
    writer.array(1);
    writer.bin(in.data);
}

bool decode(Reader& reader, VocabularyReadParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("offset", out.offset);
    fields.read("count", out.count, 0, 8000);
    return fields.finish();
}

void encode(Writer& writer, const VocabularyReadParams& in) {
    writer.array(2);
    writer.uint(in.offset);
    writer.uint(in.count);
}

bool decode(Reader& reader, [[maybe_unused]] TensorWriteResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const TensorWriteResult& in) {
    writer.array(0);
}

bool decode(Reader& reader, TensorWriteParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("name", out.name, 32);
    fields.read("kind", out.kind);
    fields.read("offset", out.offset);
    fields.read("data", out.data, 8000);
    return fields.finish();
}

void encode(Writer& writer, const TensorWriteParams& in) {
    writer.array(4);
    writer.str(in.name);
    writer.uint(static_cast<std::uint8_t>(in.kind));
    writer.uint(in.offset);
    writer.bin(in.data);
}

bool decode(Reader& reader, TensorReadResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("data", out.data, 1024);
    return fields.finish();
}

void encode(Writer& writer, const TensorReadResult& in) {
    writer.array(1);
    writer.bin(in.data);
}

bool decode(Reader& reader, TensorReadParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("name", out.name, 32);
    fields.read("kind", out.kind);
    fields.read("offset", out.offset);
    fields.read("count", out.count, 1, 256);
    return fields.finish();
}

void encode(Writer& writer, const TensorReadParams& in) {
    writer.array(4);
    writer.str(in.name);
    writer.uint(static_cast<std::uint8_t>(in.kind));
    writer.uint(in.offset);
    writer.uint(in.count);
}

bool decode(Reader& reader, [[maybe_unused]] SeekResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const SeekResult& in) {
    writer.array(0);
}

bool decode(Reader& reader, SeekParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("step", out.step, 0, 16777216);
    return fields.finish();
}

void encode(Writer& writer, const SeekParams& in) {
    writer.array(1);
    writer.uint(in.step);
}

bool decode(Reader& reader, DocumentsWriteResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("next", out.next);
    fields.read("free", out.free);
    return fields.finish();
}

void encode(Writer& writer, const DocumentsWriteResult& in) {
    writer.array(2);
    writer.uint(in.next);
    writer.uint(in.free);
}

bool decode(Reader& reader, DocumentsWriteParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("first", out.first);
    fields.read("documents", out.documents, 1024, 512);
    return fields.finish();
}

void encode(Writer& writer, const DocumentsWriteParams& in) {
    writer.array(2);
    writer.uint(in.first);
    write_array(writer, in.documents);
}

bool decode(Reader& reader, EvaluateResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("step", out.step);
    fields.read("losses", out.losses, 1024);
    return fields.finish();
}

void encode(Writer& writer, const EvaluateResult& in) {
    writer.array(2);
    writer.uint(in.step);
    writer.bin(in.losses);
}

bool decode(Reader& reader, EvaluateParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("documents", out.documents, 256, 512);
    return fields.finish();
}

void encode(Writer& writer, const EvaluateParams& in) {
    writer.array(1);
    write_array(writer, in.documents);
}

bool decode(Reader& reader, [[maybe_unused]] TrainResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const TrainResult& in) {
    writer.array(0);
}

bool decode(Reader& reader, TrainParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("target_step", out.target_step, 0, 16777216);
    fields.read("save_every", out.save_every);
    if (fields.more()) {
        fields.read("source", out.source);
    } else {
        out.source = Source::host;
    }
    return fields.finish();
}

void encode(Writer& writer, const TrainParams& in) {
    writer.array(3);
    writer.uint(in.target_step);
    writer.uint(in.save_every);
    writer.uint(static_cast<std::uint8_t>(in.source));
}

bool decode(Reader& reader, PauseResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("step", out.step);
    return fields.finish();
}

void encode(Writer& writer, const PauseResult& in) {
    writer.array(1);
    writer.uint(in.step);
}

bool decode(Reader& reader, [[maybe_unused]] PauseParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const PauseParams& in) {
    writer.array(0);
}

bool decode(Reader& reader, SaveResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("step", out.step);
    return fields.finish();
}

void encode(Writer& writer, const SaveResult& in) {
    writer.array(1);
    writer.uint(in.step);
}

bool decode(Reader& reader, [[maybe_unused]] SaveParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const SaveParams& in) {
    writer.array(0);
}

bool decode(Reader& reader, SampleResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("tokens", out.tokens, 512);
    fields.read("ended", out.ended);
    return fields.finish();
}

void encode(Writer& writer, const SampleResult& in) {
    writer.array(2);
    writer.bin(in.tokens);
    writer.boolean(in.ended);
}

bool decode(Reader& reader, SampleParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("seed", out.seed);
    fields.read("number", out.number);
    fields.read("temperature", out.temperature, FloatRange{0.001f, 100.0f, "0.001", "100.0"});
    fields.read("prompt", out.prompt, 512);
    fields.read("uniforms", out.uniforms, 1024);
    return fields.finish();
}

void encode(Writer& writer, const SampleParams& in) {
    writer.array(5);
    writer.uint(in.seed);
    writer.uint(in.number);
    writer.f32(in.temperature);
    writer.bin(in.prompt);
    writer.bin(in.uniforms);
}

bool decode(Reader& reader, [[maybe_unused]] DataBeginResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const DataBeginResult& in) {
    writer.array(0);
}

bool decode(Reader& reader, DataBeginParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("data", out.data);
    return fields.finish();
}

void encode(Writer& writer, const DataBeginParams& in) {
    writer.array(1);
    encode(writer, in.data);
}

bool decode(Reader& reader, [[maybe_unused]] DataWriteResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const DataWriteResult& in) {
    writer.array(0);
}

bool decode(Reader& reader, DataWriteParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("offset", out.offset);
    fields.read("content", out.content, 8000);
    return fields.finish();
}

void encode(Writer& writer, const DataWriteParams& in) {
    writer.array(2);
    writer.uint(in.offset);
    writer.bin(in.content);
}

bool decode(Reader& reader, [[maybe_unused]] DataCommitResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const DataCommitResult& in) {
    writer.array(0);
}

bool decode(Reader& reader, [[maybe_unused]] DataCommitParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const DataCommitParams& in) {
    writer.array(0);
}

bool decode(Reader& reader, DataInfoResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("data", out.data);
    return fields.finish();
}

void encode(Writer& writer, const DataInfoResult& in) {
    writer.array(1);
    encode(writer, in.data);
}

bool decode(Reader& reader, [[maybe_unused]] DataInfoParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const DataInfoParams& in) {
    writer.array(0);
}

bool decode(Reader& reader, CurveResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("values", out.values, 8000);
    return fields.finish();
}

void encode(Writer& writer, const CurveResult& in) {
    writer.array(1);
    writer.bin(in.values);
}

bool decode(Reader& reader, CurveParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("first", out.first, 1);
    fields.read("count", out.count, 1, 2048);
    return fields.finish();
}

void encode(Writer& writer, const CurveParams& in) {
    writer.array(2);
    writer.uint(in.first);
    writer.uint(in.count);
}

bool decode(Reader& reader, [[maybe_unused]] AutorunResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const AutorunResult& in) {
    writer.array(0);
}

bool decode(Reader& reader, AutorunParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("enabled", out.enabled);
    fields.read("temperature", out.temperature, FloatRange{0.001f, 100.0f, "0.001", "100.0"});
    return fields.finish();
}

void encode(Writer& writer, const AutorunParams& in) {
    writer.array(2);
    writer.boolean(in.enabled);
    writer.f32(in.temperature);
}

bool decode(Reader& reader, SelfTestResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("digest", out.digest);
    fields.read("expected", out.expected);
    if (fields.more()) {
        fields.read("failed", out.failed, 256);
    } else {
        out.failed = "";
    }
    return fields.finish();
}

void encode(Writer& writer, const SelfTestResult& in) {
    writer.array(3);
    writer.uint(in.digest);
    writer.uint(in.expected);
    writer.str(in.failed);
}

bool decode(Reader& reader, [[maybe_unused]] SelfTestParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    return fields.finish();
}

void encode(Writer& writer, [[maybe_unused]] const SelfTestParams& in) {
    writer.array(0);
}

bool decode(Reader& reader, ProfileResult& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("profile", out.profile);
    return fields.finish();
}

void encode(Writer& writer, const ProfileResult& in) {
    writer.array(1);
    encode(writer, in.profile);
}

bool decode(Reader& reader, ProfileParams& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("enabled", out.enabled);
    return fields.finish();
}

void encode(Writer& writer, const ProfileParams& in) {
    writer.array(1);
    writer.boolean(in.enabled);
}

bool decode(Reader& reader, LogNotification& out, FieldError& error) {
    FieldReader fields(reader, error);
    fields.read("level", out.level);
    fields.read("text", out.text, 512);
    return fields.finish();
}

void encode(Writer& writer, const LogNotification& in) {
    writer.array(2);
    writer.uint(static_cast<std::uint8_t>(in.level));
    writer.str(in.text);
}

}  // namespace ugpt::rpc

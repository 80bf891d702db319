// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
//
// Every message as a struct, for `decode` and `encode` of codec.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rpc/codec.h"

namespace ugpt::rpc {

inline constexpr std::uint16_t kProtocolMajor = 1;
inline constexpr std::uint16_t kProtocolMinor = 1;

// The smallest `frame_bytes` a device may announce: every fixed-size message fits in it.
inline constexpr std::uint32_t kFrameMinBytes = 1280;
// The largest `frame_bytes` a device may announce.
inline constexpr std::uint32_t kFrameMaxBytes = 8192;
// The most requests a device may allow in flight.
inline constexpr std::uint32_t kWindowMax = 16;
// The rate of every link until both sides agree on another.
inline constexpr std::uint32_t kFirstBaud = 115200;
// After `set_baud` the device waits this long for a valid frame at the new rate, then returns to
// `first_baud`.
inline constexpr std::uint32_t kBaudTrialMs = 1000;
// The longest context: a sample and its uniforms fit in one frame.
inline constexpr std::uint32_t kBlockSizeMax = 256;

// What the trainer is doing.
enum class DeviceState : std::uint8_t {
    // No model has been created or loaded.
    empty = 0,
    // A model is in memory; nothing is asked of it.
    idle = 1,
    // Steps are being run towards the target.
    training = 2,
    // The target is ahead, but the next document has not arrived.
    waiting = 3,
    // A checkpoint is being written to flash.
    saving = 4,
};
template <>
inline constexpr std::uint32_t kKnownValues<DeviceState> = 0x1f;

// Which values of a parameter matrix are meant.
enum class TensorKind : std::uint8_t {
    // The parameters.
    weights = 0,
    // Adam's first moment, without its factor (1 - beta1).
    first_moment = 1,
    // Adam's second moment, without its factor (1 - beta2).
    second_moment = 2,
};
template <>
inline constexpr std::uint32_t kKnownValues<TensorKind> = 0x7;

// How serious a log line is.
enum class LogLevel : std::uint8_t {
    // Something was lost or could not be done.
    error = 0,
    // Something was put right.
    warning = 1,
    // Something happened.
    info = 2,
};
template <>
inline constexpr std::uint32_t kKnownValues<LogLevel> = 0x7;

// Where the documents of a run come from.
enum class Source : std::uint8_t {
    // The host sends them.
    host = 0,
    // The data set in the device's flash; training needs no host and goes on after a power cut.
    flash = 1,
};
template <>
inline constexpr std::uint32_t kKnownValues<Source> = 0x3;

// How the learning rate changes after the warm-up.
enum class Schedule : std::uint8_t {
    // Falls in a straight line to zero.
    linear = 0,
    // Falls along half a cosine to zero.
    cosine = 1,
    // Stays.
    constant = 2,
};
template <>
inline constexpr std::uint32_t kKnownValues<Schedule> = 0x7;

// How Adam's moments are kept.
enum class MomentFormat : std::uint8_t {
    // Four bytes a value.
    f32 = 0,
    // Two bytes a value.
    bf16 = 1,
    // A byte a value and a scale for each block of values.
    q8 = 2,
};
template <>
inline constexpr std::uint32_t kKnownValues<MomentFormat> = 0x7;

// How the matrices of a pretrained model are stored; docs/model-image.md has the layouts.
enum class MatrixFormat : std::uint8_t {
    // They have not all come.
    unknown = 0,
    // Four bytes a weight.
    f32 = 1,
    // A byte a weight, and scales.
    q8 = 2,
    // Some one way, some another.
    mixed = 3,
};
template <>
inline constexpr std::uint32_t kKnownValues<MatrixFormat> = 0xf;

// How the chip reads its flash.
enum class FlashMode : std::uint8_t {
    // Not known.
    unknown = 0,
    // One data line.
    single = 1,
    // Two lines for data.
    dout = 2,
    // Two lines for addresses and data.
    dio = 3,
    // Four lines for data.
    qout = 4,
    // Four lines for addresses and data.
    qio = 5,
};
template <>
inline constexpr std::uint32_t kKnownValues<FlashMode> = 0x3f;

// Which model has the memory. The other one lies in the flash, and is loaded when it is asked for.
enum class Loaded : std::uint8_t {
    // None.
    nothing = 0,
    // The model that the device trains.
    run = 1,
    // The pretrained model.
    story = 2,
};
template <>
inline constexpr std::uint32_t kKnownValues<Loaded> = 0x7;

// How a text ended.
enum class TextEnd : std::uint8_t {
    // It is being written.
    none = 0,
    // The model ended it.
    end_of_text = 1,
    // As many tokens have been drawn as were wanted.
    max_tokens = 2,
    // The context has no room for another token.
    context_full = 3,
    // It was stopped, or the memory was wanted by the model that the device trains.
    stopped = 4,
    // The model gave something that is not a number.
    not_finite = 5,
};
template <>
inline constexpr std::uint32_t kKnownValues<TextEnd> = 0x3f;

// Why a request was refused.
enum class ErrorCode : std::uint8_t {
    // Nothing was refused; never on the wire as the error of a response.
    none = 0,
    // The frame was whole, but its body is not a MessagePack-RPC request.
    bad_message = 1,
    // The firmware does not know this method.
    unknown_method = 2,
    // A parameter is missing, has the wrong type or lies outside its range.
    bad_params = 3,
    // Host and firmware speak different major versions of the protocol.
    wrong_version = 4,
    // The command needs an idle trainer, and one is training.
    busy = 5,
    // The device holds no model.
    no_model = 6,
    // The model needs more memory than the device has; detail carries the missing bytes.
    does_not_fit = 7,
    // The numbers of the shape contradict each other.
    bad_shape = 8,
    // These documents start after the next one the device needs; detail carries the wanted index.
    gap = 9,
    // A token lies outside the vocabulary of the model.
    bad_token = 10,
    // The model has no tensor of that name, or the range lies outside it.
    unknown_tensor = 11,
    // Reading, erasing or writing the flash failed.
    flash_failed = 12,
    // The flash region is too small; detail carries the missing bytes.
    no_room = 13,
    // The loss became infinite or not a number; training stopped before the weights were touched
    // again.
    not_finite = 14,
    // The device holds another run than the one named.
    other_run = 15,
    // The device holds no complete data set.
    bad_data = 17,
    // There is no pretrained model in the flash.
    no_story = 18,
    // The pretrained model is damaged, or newer than the firmware.
    bad_story = 19,
    // The prompt fills the context; detail carries its tokens.
    long_prompt = 20,
    // The device has started since the last `hello`, or has not seen one yet.
    hello_first = 16,
};
// One sentence about the error; empty for `none`.
[[nodiscard]] std::string_view error_text(ErrorCode code);

// Numbered as in the table below; on the wire a method goes by its name.
enum class Method : std::uint8_t {
    hello,
    ping,
    set_baud,
    reset,
    status,
    losses,
    plan,
    create,
    model_info,
    init_weights,
    vocabulary_write,
    vocabulary_read,
    tensor_write,
    tensor_read,
    weights_digest,
    weights_saved,
    seek,
    documents_write,
    evaluate,
    train,
    pause,
    stop,
    save,
    sample,
    text_begin,
    text_plan,
    text_read,
    text_stop,
    data_begin,
    data_write,
    data_commit,
    data_info,
    image_begin,
    image_checksums,
    image_write,
    image_commit,
    image_info,
    image_erase,
    curve,
    autorun,
    self_test,
    profile,
};
inline constexpr std::array<std::string_view, 42> kMethods{
    "hello",
    "ping",
    "set_baud",
    "reset",
    "status",
    "losses",
    "plan",
    "create",
    "model_info",
    "init_weights",
    "vocabulary_write",
    "vocabulary_read",
    "tensor_write",
    "tensor_read",
    "weights_digest",
    "weights_saved",
    "seek",
    "documents_write",
    "evaluate",
    "train",
    "pause",
    "stop",
    "save",
    "sample",
    "text_begin",
    "text_plan",
    "text_read",
    "text_stop",
    "data_begin",
    "data_write",
    "data_commit",
    "data_info",
    "image_begin",
    "image_checksums",
    "image_write",
    "image_commit",
    "image_info",
    "image_erase",
    "curve",
    "autorun",
    "self_test",
    "profile",
};

[[nodiscard]] constexpr std::string_view method_name(Method method) {
    return kMethods[static_cast<std::size_t>(method)];
}
[[nodiscard]] std::optional<Method> find_method(std::string_view name);

// The shape of a transformer.
struct Shape {
    static const Layout kLayout;

    // Transformer blocks. (1 to 64.)
    std::uint16_t n_layer = 0;
    // Width of the residual stream; a multiple of n_head. (1 to 1024.)
    std::uint16_t n_embd = 0;
    // Attention heads in a block. (1 to 64.)
    std::uint16_t n_head = 0;
    // Longest context in tokens. (1 to 256.)
    std::uint16_t block_size = 0;
    // Characters and BOS, which has the last id. (2 to 65535.)
    std::uint16_t vocab_size = 0;

    bool operator==(const Shape&) const = default;
};

// How the weights are trained: Adam, and by default microgpt's learning rate, which falls linearly
// to zero.
struct Recipe {
    static const Layout kLayout;

    // The highest; that of the first step if there is no warm-up. (0.0 to 10.0.)
    float learning_rate = 0.0f;
    // Decay of the first moment. (0.0 to 0.9999.)
    float beta1 = 0.0f;
    // Decay of the second moment. (0.0 to 0.9999.)
    float beta2 = 0.0f;
    // Added to the root of the second moment. (1e-10 to 0.01.)
    float epsilon = 0.0f;
    // Steps of the run. The schedules `linear` and `cosine` reach zero at its end. (1 to 16777216.)
    std::uint32_t total_steps = 0;
    // Documents a step; their gradients are averaged. (1 to 1024.)
    std::uint16_t batch = 1;
    // How the learning rate changes after the warm-up.
    Schedule schedule = Schedule::linear;
    // Steps over which the learning rate rises from zero in a straight line. (At most 16777216.)
    std::uint32_t warmup_steps = 0;
    // Decoupled from the gradient, as in AdamW: each step takes this times the learning rate off
    // every weight. (0.0 to 1.0.)
    float weight_decay = 0.0f;
    // A gradient whose norm is larger is scaled down to it; 0 for no limit. (0.0 to 1000000.0.)
    float clip_norm = 0.0f;
    // How Adam's moments are kept.
    MomentFormat moments = MomentFormat::f32;
    // Whether activations are computed again in the backward pass, which takes less memory and more
    // time.
    bool recompute = false;

    bool operator==(const Recipe&) const = default;
};

// Who answers.
struct Hello {
    static const Layout kLayout;

    // Protocol version of the firmware; a different one is refused.
    std::uint16_t major = 0;
    // Additions since that version.
    std::uint16_t minor = 0;
    // Firmware version. (At most 64 bytes.)
    std::string_view build{};
    // Name of the chip, such as `esp32`. (At most 32 bytes.)
    std::string_view chip{};
    // Name of the board, or of the profile of a virtual device. (At most 32 bytes.)
    std::string_view board{};
    // Whether this is the firmware compiled for the host.
    bool virtual_device = false;
    // Processor cores.
    std::uint8_t cores = 0;
    // Clock of a core; 0 if it has no meaning.
    std::uint32_t clock_hz = 0;
    // Sizes in bytes of the memory blocks that tensors can use. (At most 4.)
    SmallArray<std::uint32_t, 4> memory_blocks{};
    // Size of one checkpoint slot in flash.
    std::uint32_t checkpoint_bytes = 0;
    // Changes with every start of the device.
    std::uint32_t boot = 0;
    // Largest body of a frame, either way. (1280 to 8192.)
    std::uint16_t frame_bytes = 0;
    // Requests that may be in flight. (1 to 16.)
    std::uint8_t window = 0;
    // Highest rate of the UART; 0 if a rate has no meaning.
    std::uint32_t baud_max = 0;
    // Room in flash for the content of a data set.
    std::uint32_t data_bytes = 0;
    // The chip's MAC address, or a virtual device's own number, which it keeps in its flash; 0 if
    // not known.
    std::uint64_t device_id = 0;
    // Size of the flash chip; 0 if not known.
    std::uint32_t flash_bytes = 0;
    // Sizes in bytes of the flash regions that the device has found, in the order of their subtypes
    // in device/partitions.csv; 0 for one that its partition table lacks. (At most 16.)
    SmallArray<std::uint32_t, 16> regions{};
    // Room in flash for the image of a pretrained model.
    std::uint32_t model_bytes = 0;
    // Whether the sizes of its memory are estimates: a virtual device of a board that has not been
    // looked at.
    bool estimated = false;
    // How the cache reads the flash; that of its board, if it is virtual.
    FlashMode flash_mode = FlashMode::unknown;
    // Clock of the flash; 0 if not known.
    std::uint32_t flash_hz = 0;
    // Of the chip, 100 for v1.0; nil if it has none.
    Optional<std::uint16_t> chip_revision{};
    // The digest of the firmware's ELF file, as `esp_app_desc` has it; empty if there is none. (At
    // most 32 bytes.)
    std::span<const std::uint8_t> image_sha256{};
    // Size of more memory, which is read and written by whole words only: packed moments and the
    // weights of pretrained models can use it.
    std::uint32_t word_memory_bytes = 0;
};

// A snapshot of the trainer; reading it never waits for a training step.
struct Status {
    static const Layout kLayout;

    // What the trainer is doing.
    DeviceState state{};
    // The run in memory; 0 if there is none.
    std::uint32_t run_id = 0;
    // Steps completed.
    std::uint32_t step = 0;
    // Where training stops.
    std::uint32_t target_step = 0;
    // Step of the newest checkpoint of this run in flash; 0 if there is none.
    std::uint32_t saved_step = 0;
    // Loss of the last step; 0 before the first.
    float loss = 0.0f;
    // Positions trained on since the start of the device.
    std::uint64_t positions = 0;
    // Index of the next document to send.
    std::uint32_t documents_next = 0;
    // Documents there is room for.
    std::uint16_t documents_free = 0;
    // Oldest step (1-based) whose loss is still held.
    std::uint32_t first_loss_step = 0;
    // Error code that stopped the training; 0 if none did.
    std::uint8_t error = 0;
    // Duration of the last training step in microseconds.
    std::uint32_t step_us = 0;
    // Tensor memory not taken by the model.
    std::uint32_t free_bytes = 0;
    // Where the documents of the run come from.
    Source source = Source::host;
    // Whether the device prints samples by itself while no host speaks to it.
    bool autorun = false;
    // Whether a run goes on that needs no host.
    bool detached = false;
    // Memory that the firmware has not taken, besides that for tensors; 0 if not known.
    std::uint32_t heap_free_bytes = 0;
    // The least of it since the start; 0 if not known.
    std::uint32_t heap_least_free_bytes = 0;
    // Of the chip, in degrees Celsius; nil without a sensor.
    Optional<float> temperature_c{};
    // Norm of the gradient of the last step that computed it, before clipping; nil if none has
    // since the model was made or moved.
    Optional<float> gradient_norm{};
    // Whether the model has been trained to weights that no host has said to have saved; see
    // `weights_saved`.
    bool unsaved = false;
    // Which model has the memory.
    Loaded loaded = Loaded::nothing;
    // Whether a text is being written by the pretrained model.
    bool writing = false;

    bool operator==(const Status&) const = default;
};

// The pretrained model, and where its weights lie.
struct Story {
    static const Layout kLayout;

    // Its name. (At most 63 bytes.)
    std::string_view name{};
    // The digest of its image. (At most 32 bytes.)
    std::span<const std::uint8_t> sha256{};
    // Tokens that a text has room for, BOS and the prompt included.
    std::uint16_t context = 0;
    // Weights in the memory for tensors.
    std::uint32_t memory_bytes = 0;
    // Weights in memory that is read by whole words only.
    std::uint32_t word_memory_bytes = 0;
    // Weights that stay in the flash.
    std::uint32_t flash_bytes = 0;
    // What is read from there for each token.
    std::uint32_t flash_bytes_per_token = 0;
};

// Where the pretrained model lies while it writes, and what a token takes.
struct TextPlan {
    static const Layout kLayout;

    // Tokens that a text has room for, BOS and the prompt included.
    std::uint16_t context = 0;
    // Keys and values of such a text.
    std::uint32_t cache_bytes = 0;
    // What computing a token needs.
    std::uint32_t activations_bytes = 0;
    // The blocks of memory as the maker of the chip calls them, memory that is read by whole words
    // only if there is any, and `flash`, between commas. The next three have a number for each. (At
    // most 64 bytes.)
    std::string_view places{};
    // Bytes of it that such models can use. (At most 6.)
    SmallArray<std::uint32_t, 6> size_bytes{};
    // Bytes of the weights that lie there. (At most 6.)
    SmallArray<std::uint32_t, 6> weights_bytes{};
    // Bytes of them that are read for each token. (At most 6.)
    SmallArray<std::uint32_t, 6> read_bytes{};
    // For each tensor from the one asked for on, the number of its place. Less than 256 end with
    // the last tensor. (At most 256 bytes.)
    std::span<const std::uint8_t> homes{};
    // Cores that share the work.
    std::uint8_t cores = 0;
    // The estimated rate of the flash; 0 if nothing is known of this chip.
    std::uint32_t flash_bytes_per_s = 0;
    // Estimated instructions of a token, on average over a text that fills the context; 0 as
    // before.
    std::uint32_t instructions = 0;
    // Its estimated time in nanoseconds; 0 as before.
    std::uint64_t token_ns = 0;
};

// What a model costs in bytes, and in time.
struct Plan {
    static const Layout kLayout;

    // Number of weights.
    std::uint32_t parameters = 0;
    // The weights.
    std::uint32_t weights_bytes = 0;
    // Adam's two moments.
    std::uint32_t moments_bytes = 0;
    // Gradient buffers.
    std::uint32_t gradients_bytes = 0;
    // Everything a step keeps between forward and backward; sampling uses the same room.
    std::uint32_t activations_bytes = 0;
    // The characters of the vocabulary.
    std::uint32_t vocabulary_bytes = 0;
    // All parts with their alignment.
    std::uint32_t total_bytes = 0;
    // All memory blocks together, and with packed moments the memory for whole words too.
    std::uint32_t available_bytes = 0;
    // By how much it does not fit; 0 if it does.
    std::uint32_t missing_bytes = 0;
    // Size of a checkpoint in flash.
    std::uint32_t checkpoint_bytes = 0;
    // Whether it can be created on this device.
    bool fits = false;
    // Estimated nanoseconds of a training step; 0 if nothing is known of this chip.
    std::uint64_t step_ns = 0;
    // Estimated nanoseconds of one token of a text that is sampled; 0 if nothing is known of this
    // chip.
    std::uint64_t token_ns = 0;

    bool operator==(const Plan&) const = default;
};

// A data set in flash. Its content is each document's length in tokens as two bytes, then its
// tokens, in the form of `documents_write`, all little-endian.
struct DataSet {
    static const Layout kLayout;

    // Number of documents; document i of the training order is number i modulo this. (At least 1.)
    std::uint32_t documents = 0;
    // Of the content. (At least 3.)
    std::uint32_t size_bytes = 0;
    // Bytes of a token: one if vocab_size <= 256. (1 to 2.)
    std::uint8_t token_bytes = 0;
    // CRC-32 of the content.
    std::uint32_t crc = 0;

    bool operator==(const DataSet&) const = default;
};

// The model in memory.
struct ModelInfo {
    static const Layout kLayout;

    // The run it belongs to, chosen by the host.
    std::uint32_t run_id = 0;
    // Its shape.
    Shape shape{};
    // How it is trained.
    Recipe recipe{};
    // Length of the vocabulary as UTF-8 text, BOS left out.
    std::uint32_t vocabulary_bytes = 0;
    // Steps completed.
    std::uint32_t step = 0;

    bool operator==(const ModelInfo&) const = default;
};

// The shape of a pretrained model: RMSNorm with gains, rotary position embeddings, grouped key-
// value heads, SwiGLU.
struct LlamaShape {
    static const Layout kLayout;

    // Transformer blocks.
    std::uint32_t n_layer = 0;
    // Width of the residual stream.
    std::uint32_t n_embd = 0;
    // Attention heads in a block.
    std::uint32_t n_head = 0;
    // Keys and values that they share.
    std::uint32_t n_kv_head = 0;
    // Width of the multilayer perceptrons.
    std::uint32_t n_hidden = 0;
    // Tokens.
    std::uint32_t vocab_size = 0;
    // Positions that it was trained for.
    std::uint32_t context = 0;
    // Whether the logits are products with the embedding.
    bool tied_classifier = false;

    bool operator==(const LlamaShape&) const = default;
};

// The image of a pretrained model in flash.
struct ImageInfo {
    static const Layout kLayout;

    // Whether it is there; else `image_begin` has announced it, and it has not all come.
    bool whole = false;
    // What it is called. (At most 63 bytes.)
    std::string_view name{};
    // Its licence, or nothing. (At most 255 bytes.)
    std::string_view licence{};
    // Of the whole image.
    std::uint32_t size_bytes = 0;
    // Its digest, as in its header. (At most 32 bytes.)
    std::span<const std::uint8_t> sha256{};
    // How its matrices are stored.
    MatrixFormat format{};
    // Its shape.
    LlamaShape shape{};
};

// Where the time of training goes: ticks of a counter in each part of a step, forward and backward
// pass together; or that of tokens of the pretrained model.
struct Profile {
    static const Layout kLayout;

    // Ticks a second: the clock of the core, if it counts cycles. (At least 1.)
    std::uint32_t tick_hz = 0;
    // Training steps counted.
    std::uint32_t steps = 0;
    // Ticks spent on the embeddings and their norm.
    std::uint64_t embedding = 0;
    // On attention with its norm and projections.
    std::uint64_t attention = 0;
    // On the multilayer perceptrons with their norms.
    std::uint64_t mlp = 0;
    // On the logits and the loss.
    std::uint64_t loss = 0;
    // On the updates of the weights.
    std::uint64_t adam = 0;
    // Tokens of the pretrained model counted, those of prompts too.
    std::uint32_t tokens = 0;
    // Ticks spent on the choice of such tokens.
    std::uint64_t choice = 0;

    bool operator==(const Profile&) const = default;
};

// What `hello` returns.
struct HelloResult {
    static const Layout kLayout;

    // Who answers.
    Hello hello{};
};

// Opens a conversation; the first request on every connection.
struct HelloParams {
    static constexpr Method kMethod = Method::hello;
    using Result = HelloResult;
    static const Layout kLayout;

    // Protocol version of the host.
    std::uint16_t major = 0;
    // Additions the host knows.
    std::uint16_t minor = 0;

    bool operator==(const HelloParams&) const = default;
};

// What `ping` returns.
struct PingResult {
    static const Layout kLayout;

    // The same bytes. (At most 8000 bytes.)
    std::span<const std::uint8_t> payload{};
};

// Returns what it is given.
struct PingParams {
    static constexpr Method kMethod = Method::ping;
    using Result = PingResult;
    static const Layout kLayout;

    // Any bytes. (At most 8000 bytes.)
    std::span<const std::uint8_t> payload{};
};

// What `set_baud` returns.
struct SetBaudResult {
    static const Layout kLayout;

    // The rate from now on.
    std::uint32_t baud = 0;

    bool operator==(const SetBaudResult&) const = default;
};

// Changes the rate of the UART after the reply has left; the device goes back when no valid frame
// follows in time.
struct SetBaudParams {
    static constexpr Method kMethod = Method::set_baud;
    using Result = SetBaudResult;
    static const Layout kLayout;

    // The new rate. (9600 to 5000000.)
    std::uint32_t baud = 0;

    bool operator==(const SetBaudParams&) const = default;
};

// What `reset` returns.
struct ResetResult {
    static const Layout kLayout;
};

// Restarts the device after the reply has left. What is not in a checkpoint is lost.
struct ResetParams {
    static constexpr Method kMethod = Method::reset;
    using Result = ResetResult;
    static const Layout kLayout;
};

// What `status` returns.
struct StatusResult {
    static const Layout kLayout;

    // The snapshot.
    Status status{};

    bool operator==(const StatusResult&) const = default;
};

// Reads the status snapshot.
struct StatusParams {
    static constexpr Method kMethod = Method::status;
    using Result = StatusResult;
    static const Layout kLayout;
};

// What `losses` returns.
struct LossesResult {
    static const Layout kLayout;

    // Step of the first value: later than asked for if older ones are no longer held.
    std::uint32_t first = 0;
    // Losses of consecutive steps as little-endian float32. (At most 8000 bytes.)
    std::span<const std::uint8_t> values{};
};

// Reads losses of completed steps; reading never waits for a training step.
struct LossesParams {
    static constexpr Method kMethod = Method::losses;
    using Result = LossesResult;
    static const Layout kLayout;

    // The first step (1-based) wanted. (At least 1.)
    std::uint32_t first = 0;
    // The most values wanted. (1 to 2048.)
    std::uint16_t count = 0;

    bool operator==(const LossesParams&) const = default;
};

// What `plan` returns.
struct PlanResult {
    static const Layout kLayout;

    // The bytes of each part, and the time.
    Plan plan{};

    bool operator==(const PlanResult&) const = default;
};

// Says what a model would cost, without creating it.
struct PlanParams {
    static constexpr Method kMethod = Method::plan;
    using Result = PlanResult;
    static const Layout kLayout;

    // The shape asked about.
    Shape shape{};
    // How it would be trained.
    Recipe recipe{};
    // Length of the vocabulary as UTF-8 text. (At most 262144.)
    std::uint32_t vocabulary_bytes = 0;
    // For the estimates of time: positions of each document, and tokens of a text with the one that
    // ends it; 0 for block_size. (At most 256.)
    std::uint16_t positions = 0;

    bool operator==(const PlanParams&) const = default;
};

// What `create` returns.
struct CreateResult {
    static const Layout kLayout;

    // What it takes.
    Plan plan{};

    bool operator==(const CreateResult&) const = default;
};

// Makes a model with zero weights and moments at step 0; does nothing if the same run, shape and
// recipe are in memory already.
struct CreateParams {
    static constexpr Method kMethod = Method::create;
    using Result = CreateResult;
    static const Layout kLayout;

    // Chosen by the host; names the run from now on. (At least 1.)
    std::uint32_t run_id = 0;
    // Its shape.
    Shape shape{};
    // How it will be trained.
    Recipe recipe{};
    // Length of the vocabulary as UTF-8 text. (At most 262144.)
    std::uint32_t vocabulary_bytes = 0;

    bool operator==(const CreateParams&) const = default;
};

// What `model_info` returns.
struct ModelInfoResult {
    static const Layout kLayout;

    // The model.
    ModelInfo model{};

    bool operator==(const ModelInfoResult&) const = default;
};

// Describes the model in memory.
struct ModelInfoParams {
    static constexpr Method kMethod = Method::model_info;
    using Result = ModelInfoResult;
    static const Layout kLayout;
};

// What `init_weights` returns.
struct InitWeightsResult {
    static const Layout kLayout;
};

// Draws every weight from the device's own generator; the moments and the step become zero.
struct InitWeightsParams {
    static constexpr Method kMethod = Method::init_weights;
    using Result = InitWeightsResult;
    static const Layout kLayout;

    // Of the generator.
    std::uint64_t seed = 0;
    // Standard deviation of the weights. (0.0 to 10.0.)
    float deviation = 0.0f;

    bool operator==(const InitWeightsParams&) const = default;
};

// What `vocabulary_write` returns.
struct VocabularyWriteResult {
    static const Layout kLayout;
};

// Stores part of the vocabulary: the characters in id order as UTF-8 text, BOS left out.
struct VocabularyWriteParams {
    static constexpr Method kMethod = Method::vocabulary_write;
    using Result = VocabularyWriteResult;
    static const Layout kLayout;

    // In bytes.
    std::uint32_t offset = 0;
    // The bytes from there on. (At most 8000 bytes.)
    std::span<const std::uint8_t> data{};
};

// What `vocabulary_read` returns.
struct VocabularyReadResult {
    static const Layout kLayout;

    // The bytes from there on. (At most 8000 bytes.)
    std::span<const std::uint8_t> data{};
};

// Reads part of the vocabulary.
struct VocabularyReadParams {
    static constexpr Method kMethod = Method::vocabulary_read;
    using Result = VocabularyReadResult;
    static const Layout kLayout;

    // In bytes.
    std::uint32_t offset = 0;
    // The most bytes wanted. (At most 8000.)
    std::uint16_t count = 0;

    bool operator==(const VocabularyReadParams&) const = default;
};

// What `tensor_write` returns.
struct TensorWriteResult {
    static const Layout kLayout;
};

// Stores part of a tensor.
struct TensorWriteParams {
    static constexpr Method kMethod = Method::tensor_write;
    using Result = TensorWriteResult;
    static const Layout kLayout;

    // Such as `wte` or `layer0.attn_wq`. (At most 32 bytes.)
    std::string_view name{};
    // Weights or a moment.
    TensorKind kind{};
    // In values, row by row; a multiple of 64.
    std::uint32_t offset = 0;
    // Little-endian float32 values: a multiple of 64 of them, or all up to the end, since packed
    // moments are kept in blocks. (At most 8000 bytes.)
    std::span<const std::uint8_t> data{};
};

// What `tensor_read` returns.
struct TensorReadResult {
    static const Layout kLayout;

    // Little-endian float32 values. (At most 1024 bytes.)
    std::span<const std::uint8_t> data{};
};

// Reads part of a tensor.
struct TensorReadParams {
    static constexpr Method kMethod = Method::tensor_read;
    using Result = TensorReadResult;
    static const Layout kLayout;

    // Such as `wte` or `layer0.attn_wq`. (At most 32 bytes.)
    std::string_view name{};
    // Weights or a moment.
    TensorKind kind{};
    // In values, row by row.
    std::uint32_t offset = 0;
    // The most values wanted. (1 to 256.)
    std::uint16_t count = 0;
};

// What `weights_digest` returns.
struct WeightsDigestResult {
    static const Layout kLayout;

    // Steps completed.
    std::uint32_t step = 0;
    // SHA-256 of the weights as little-endian float32, in the canonical order of the matrices. (At
    // most 32 bytes.)
    std::span<const std::uint8_t> sha256{};
};

// Computes a digest of all weights, without sending them.
struct WeightsDigestParams {
    static constexpr Method kMethod = Method::weights_digest;
    using Result = WeightsDigestResult;
    static const Layout kLayout;
};

// What `weights_saved` returns.
struct WeightsSavedResult {
    static const Layout kLayout;
};

// Tells the device that its weights are saved in a run folder, so that they may be overwritten; it
// remembers this with its checkpoint. `other_run` if it holds other weights.
struct WeightsSavedParams {
    static constexpr Method kMethod = Method::weights_saved;
    using Result = WeightsSavedResult;
    static const Layout kLayout;

    // Steps completed. (At most 16777216.)
    std::uint32_t step = 0;
    // Of the weights that were saved, as in `weights_digest`. (At most 32 bytes.)
    std::span<const std::uint8_t> sha256{};
};

// What `seek` returns.
struct SeekResult {
    static const Layout kLayout;
};

// Sets the number of completed steps, after tensors have been restored; documents and losses are
// taken up from there.
struct SeekParams {
    static constexpr Method kMethod = Method::seek;
    using Result = SeekResult;
    static const Layout kLayout;

    // Steps completed. (At most 16777216.)
    std::uint32_t step = 0;

    bool operator==(const SeekParams&) const = default;
};

// What `documents_write` returns.
struct DocumentsWriteResult {
    static const Layout kLayout;

    // Index of the next document to send.
    std::uint32_t next = 0;
    // Documents there is room for.
    std::uint16_t free = 0;

    bool operator==(const DocumentsWriteResult&) const = default;
};

// Sends documents of the training order by index; those the device already has are passed over,
// those it has no room for are left out.
struct DocumentsWriteParams {
    static constexpr Method kMethod = Method::documents_write;
    using Result = DocumentsWriteResult;
    static const Layout kLayout;

    // Index of the first document; step s (0-based) is trained on documents s * batch to s * batch
    // + batch - 1.
    std::uint32_t first = 0;
    // Tokens without BOS, cut to block_size: a byte each if vocab_size <= 256, else two, little-
    // endian. (At most 1024 items of at most 512 bytes.)
    BinArray documents{};
};

// What `evaluate` returns.
struct EvaluateResult {
    static const Layout kLayout;

    // Steps completed.
    std::uint32_t step = 0;
    // The mean loss of each document's positions, as little-endian float32. (At most 1024 bytes.)
    std::span<const std::uint8_t> losses{};
    // The loss of each position of each document, as little-endian float32: a document of n tokens
    // has n + 1, or block_size if that is less. (At most 1280 bytes.)
    std::span<const std::uint8_t> token_losses{};
};

// Computes the loss of documents the model is not trained on; changes nothing.
struct EvaluateParams {
    static constexpr Method kMethod = Method::evaluate;
    using Result = EvaluateResult;
    static const Layout kLayout;

    // In the form of `documents_write`. (At most 256 items of at most 512 bytes.)
    BinArray documents{};
    // Also return the loss of every position; then there may be at most 320 documents and positions
    // together, and the answer must fit a frame.
    bool by_token = false;
};

// What `train` returns.
struct TrainResult {
    static const Layout kLayout;
};

// Sets the step at which training stops and returns at once; a target that has been reached changes
// nothing.
struct TrainParams {
    static constexpr Method kMethod = Method::train;
    using Result = TrainResult;
    static const Layout kLayout;

    // Training stops when this many steps are completed, and the model is saved. (At most
    // 16777216.)
    std::uint32_t target_step = 0;
    // Also save after every so many steps; 0 for the end only.
    std::uint32_t save_every = 0;
    // Where the documents come from; a run from flash also saves before its first step.
    Source source = Source::host;
    // Compute the norm of the gradient at every step, until the next `train`; clipping computes it
    // anyway.
    bool gradient_norm = false;

    bool operator==(const TrainParams&) const = default;
};

// What `pause` returns.
struct PauseResult {
    static const Layout kLayout;

    // Steps completed.
    std::uint32_t step = 0;

    bool operator==(const PauseResult&) const = default;
};

// Stops training at the next step boundary.
struct PauseParams {
    static constexpr Method kMethod = Method::pause;
    using Result = PauseResult;
    static const Layout kLayout;
};

// What `stop` returns.
struct StopResult {
    static const Layout kLayout;

    // The step that was saved.
    std::uint32_t step = 0;

    bool operator==(const StopResult&) const = default;
};

// Ends training at the next step boundary and writes a checkpoint, so that a detached run does not
// go on after a restart.
struct StopParams {
    static constexpr Method kMethod = Method::stop;
    using Result = StopResult;
    static const Layout kLayout;
};

// What `save` returns.
struct SaveResult {
    static const Layout kLayout;

    // The step that was saved.
    std::uint32_t step = 0;

    bool operator==(const SaveResult&) const = default;
};

// Writes a checkpoint to flash.
struct SaveParams {
    static constexpr Method kMethod = Method::save;
    using Result = SaveResult;
    static const Layout kLayout;
};

// What `sample` returns.
struct SampleResult {
    static const Layout kLayout;

    // The tokens drawn, prompt and BOS left out. (At most 512 bytes.)
    std::span<const std::uint8_t> tokens{};
    // Whether BOS was drawn, rather than the context filled.
    bool ended = false;
};

// Draws one text from the model. The same seed and number give the same text. Tokens are ranked by
// their logits; of equal ones the smaller token ranks higher.
struct SampleParams {
    static constexpr Method kMethod = Method::sample;
    using Result = SampleResult;
    static const Layout kLayout;

    // Of the generator.
    std::uint64_t seed = 0;
    // Which of the texts of this seed.
    std::uint32_t number = 0;
    // Logits are divided by it. Below 2^-10 the token of the highest rank is taken; devices of
    // minor 0 refuse what is below 0.001. (0.0 to 100.0.)
    float temperature = 0.0f;
    // Tokens the text starts with, in the form of documents. (At most 512 bytes.)
    std::span<const std::uint8_t> prompt{};
    // Little-endian float32 in [0, 1), one for each token to be drawn, in place of the generator;
    // empty to use it. (At most 1024 bytes.)
    std::span<const std::uint8_t> uniforms{};
    // Draw from so many tokens of the highest ranks only; 0: from all.
    std::uint16_t top_k = 0;
    // Draw from the fewest tokens of the highest ranks that have this share of the probability of
    // all that `top_k` leaves; 1: from all of them. (0.0 to 1.0.)
    float top_p = 1.0f;
};

// What `text_begin` returns.
struct TextBeginResult {
    static const Layout kLayout;

    // The model that writes it.
    Story story{};
    // Tokens of the prompt with BOS: the number of the first token that is drawn, counted from 0.
    std::uint16_t prompt_tokens = 0;
};

// Begins a text of the pretrained model, which then writes it token by token while other requests
// are answered. A text before it ends. The model that the device trains makes room: it is saved to
// the flash first. `busy` while it is trained.
struct TextBeginParams {
    static constexpr Method kMethod = Method::text_begin;
    using Result = TextBeginResult;
    static const Layout kLayout;

    // Chosen by the host; names the text. Of the text that the device has already nothing changes.
    // (At least 1.)
    std::uint32_t text_id = 0;
    // How it begins, as UTF-8. (At most 1024 bytes.)
    std::span<const std::uint8_t> prompt{};
    // Of the generator: the same seed gives the same text.
    std::uint64_t seed = 0;
    // Logits are divided by it. Below 2^-10 the token of the highest rank is taken. (0.0 to 100.0.)
    float temperature = 0.0f;
    // As in `sample`.
    std::uint16_t top_k = 0;
    // As in `sample`. (0.0 to 1.0.)
    float top_p = 0.0f;
    // Tokens to be drawn at most; 0 for as many as there is room for.
    std::uint16_t max_tokens = 0;
    // Tokens to have room for, BOS and the prompt included. 0: 256, or those the model was trained
    // for if they are fewer.
    std::uint16_t context = 0;
};

// What `text_plan` returns.
struct TextPlanResult {
    static const Layout kLayout;

    // The places, and the time.
    TextPlan plan{};
};

// Says where the weights of the pretrained model lie while it writes texts of a length, and how
// long a token takes by an estimate. Nothing is loaded; what `text_begin` would refuse for its
// context is refused.
struct TextPlanParams {
    static constexpr Method kMethod = Method::text_plan;
    using Result = TextPlanResult;
    static const Layout kLayout;

    // As in `text_begin`.
    std::uint16_t context = 0;
    // The first tensor whose place is wanted, in the order of docs/model-image.md.
    std::uint32_t first = 0;

    bool operator==(const TextPlanParams&) const = default;
};

// What `text_read` returns.
struct TextReadResult {
    static const Layout kLayout;

    // Number of the next token to ask for.
    std::uint16_t next = 0;
    // The bytes of the tokens before it. A character may end in those of the next one. (At most 512
    // bytes.)
    std::span<const std::uint8_t> text{};
    // How the text ended; while there is more to read, `none`.
    TextEnd ended{};
    // Tokens that have gone through the model, the prompt included.
    std::uint16_t computed = 0;
    // How long that took.
    std::uint64_t computed_us = 0;
};

// Reads what has been written of a text; it can be read again for as long as no other one is begun.
struct TextReadParams {
    static constexpr Method kMethod = Method::text_read;
    using Result = TextReadResult;
    static const Layout kLayout;

    // Of the text. (At least 1.)
    std::uint32_t text_id = 0;
    // Number of the first token wanted; 0 is BOS, and stands for no text. (At least 1.)
    std::uint16_t first = 0;

    bool operator==(const TextReadParams&) const = default;
};

// What `text_stop` returns.
struct TextStopResult {
    static const Layout kLayout;
};

// Ends a text between two tokens; what has been written can still be read. A text that is not being
// written is left as it is.
struct TextStopParams {
    static constexpr Method kMethod = Method::text_stop;
    using Result = TextStopResult;
    static const Layout kLayout;

    // Of the text. (At least 1.)
    std::uint32_t text_id = 0;

    bool operator==(const TextStopParams&) const = default;
};

// What `data_begin` returns.
struct DataBeginResult {
    static const Layout kLayout;
};

// Erases the data set in flash and makes room for another, whose content is sent next.
struct DataBeginParams {
    static constexpr Method kMethod = Method::data_begin;
    using Result = DataBeginResult;
    static const Layout kLayout;

    // What will be sent.
    DataSet data{};

    bool operator==(const DataBeginParams&) const = default;
};

// What `data_write` returns.
struct DataWriteResult {
    static const Layout kLayout;
};

// Stores part of the content of the data set.
struct DataWriteParams {
    static constexpr Method kMethod = Method::data_write;
    using Result = DataWriteResult;
    static const Layout kLayout;

    // In bytes.
    std::uint32_t offset = 0;
    // The bytes from there on. (At most 8000 bytes.)
    std::span<const std::uint8_t> content{};
};

// What `data_commit` returns.
struct DataCommitResult {
    static const Layout kLayout;
};

// Checks the content against what `data_begin` announced; from then on the set can be trained on.
struct DataCommitParams {
    static constexpr Method kMethod = Method::data_commit;
    using Result = DataCommitResult;
    static const Layout kLayout;
};

// What `data_info` returns.
struct DataInfoResult {
    static const Layout kLayout;

    // The data set.
    DataSet data{};

    bool operator==(const DataInfoResult&) const = default;
};

// Describes the data set in flash; `bad_data` if there is none.
struct DataInfoParams {
    static constexpr Method kMethod = Method::data_info;
    using Result = DataInfoResult;
    static const Layout kLayout;
};

// What `image_begin` returns.
struct ImageBeginResult {
    static const Layout kLayout;

    // Whether parts of it are there; `image_checksums` says which.
    bool resumed = false;

    bool operator==(const ImageBeginResult&) const = default;
};

// Makes room for the image of a pretrained model, whose content is sent next. If it is refused, the
// image that is there stays: `no_room`, `does_not_fit` if the memory has no room even for a text of
// one token, or `bad_story`. Otherwise that image is erased, unless it is the same. A push of the
// same image that was not finished is resumed.
struct ImageBeginParams {
    static constexpr Method kMethod = Method::image_begin;
    using Result = ImageBeginResult;
    static const Layout kLayout;

    // The header of the image, its first 512 bytes. (At most 512 bytes.)
    std::span<const std::uint8_t> header{};
};

// What `image_checksums` returns.
struct ImageChecksumsResult {
    static const Layout kLayout;

    // The CRC-32 of each block as it is in the flash, little-endian; none beyond the end. (At most
    // 512 bytes.)
    std::span<const std::uint8_t> checksums{};
};

// Says what is in the flash of the image that was begun, or of the one that is there.
struct ImageChecksumsParams {
    static constexpr Method kMethod = Method::image_checksums;
    using Result = ImageChecksumsResult;
    static const Layout kLayout;

    // The first block wanted: block i is the 4,096 bytes from 512 + 4096 i on, and the last one
    // ends with the image.
    std::uint32_t first = 0;
    // The most blocks wanted. (1 to 128.)
    std::uint16_t count = 0;

    bool operator==(const ImageChecksumsParams&) const = default;
};

// What `image_write` returns.
struct ImageWriteResult {
    static const Layout kLayout;
};

// Stores part of the content of the image.
struct ImageWriteParams {
    static constexpr Method kMethod = Method::image_write;
    using Result = ImageWriteResult;
    static const Layout kLayout;

    // In bytes, from the beginning of the image. (At least 512.)
    std::uint32_t offset = 0;
    // The bytes from there on. (At most 8000 bytes.)
    std::span<const std::uint8_t> content{};
};

// What `image_commit` returns.
struct ImageCommitResult {
    static const Layout kLayout;
};

// Checks the content against the header, its checksums and its digest; from then on it is an image.
// `bad_story` if it is none: then the push has to begin anew.
struct ImageCommitParams {
    static constexpr Method kMethod = Method::image_commit;
    using Result = ImageCommitResult;
    static const Layout kLayout;
};

// What `image_info` returns.
struct ImageInfoResult {
    static const Layout kLayout;

    // The image.
    ImageInfo image{};
};

// Describes the image in flash, or the one that was begun; `no_story` if there is none.
struct ImageInfoParams {
    static constexpr Method kMethod = Method::image_info;
    using Result = ImageInfoResult;
    static const Layout kLayout;
};

// What `image_erase` returns.
struct ImageEraseResult {
    static const Layout kLayout;
};

// Removes the image in flash, or the one that was begun; does nothing if there is none.
struct ImageEraseParams {
    static constexpr Method kMethod = Method::image_erase;
    using Result = ImageEraseResult;
    static const Layout kLayout;
};

// What `curve` returns.
struct CurveResult {
    static const Layout kLayout;

    // Losses as little-endian float32; none if none are stored. (At most 8000 bytes.)
    std::span<const std::uint8_t> values{};
    // The step of the first loss, which is not before the one wanted; 0 if none are stored.
    std::uint32_t first = 0;
    // Steps from one loss to the next.
    std::uint32_t stride = 1;
};

// Reads the losses that a detached run has stored in the flash.
struct CurveParams {
    static constexpr Method kMethod = Method::curve;
    using Result = CurveResult;
    static const Layout kLayout;

    // The first step (1-based) wanted. (At least 1.)
    std::uint32_t first = 0;
    // The most values wanted. (1 to 2048.)
    std::uint16_t count = 0;
    // Also return losses of steps that are not consecutive, or not from `first` on: a long run
    // keeps those of every 2nd step, every 4th, and so on, and that of its last one.
    bool strided = false;

    bool operator==(const CurveParams&) const = default;
};

// What `autorun` returns.
struct AutorunResult {
    static const Layout kLayout;
};

// Makes the device print samples by itself, as plain text, from power-up on while no host speaks to
// it.
struct AutorunParams {
    static constexpr Method kMethod = Method::autorun;
    using Result = AutorunResult;
    static const Layout kLayout;

    // Enables autorun; stored in flash.
    bool enabled = false;
    // Logits are divided by it. (0.001 to 100.0.)
    float temperature = 0.0f;
    // Rather than print samples, take the beginning of a story from whoever types it, and write the
    // story.
    bool console = false;

    bool operator==(const AutorunParams&) const = default;
};

// What `self_test` returns.
struct SelfTestResult {
    static const Layout kLayout;

    // Of all results.
    std::uint32_t digest = 0;
    // What every right processor gives.
    std::uint32_t expected = 0;
    // The operations whose results differ, between commas. (At most 256 bytes.)
    std::string_view failed{};
};

// Runs the arithmetic the engine is built on and returns a digest of the results.
struct SelfTestParams {
    static constexpr Method kMethod = Method::self_test;
    using Result = SelfTestResult;
    static const Layout kLayout;
};

// What `profile` returns.
struct ProfileResult {
    static const Layout kLayout;

    // What has been counted.
    Profile profile{};

    bool operator==(const ProfileResult&) const = default;
};

// Switches the profile of training steps and of stories on or off, and reads it. It starts from
// zero when it is switched on, and keeps its counts when it is switched off; switching it to what
// it is changes nothing.
struct ProfileParams {
    static constexpr Method kMethod = Method::profile;
    using Result = ProfileResult;
    static const Layout kLayout;

    // Enables profiling.
    bool enabled = false;

    bool operator==(const ProfileParams&) const = default;
};

// A line of the device log.
struct LogNotification {
    static constexpr std::string_view kName = "log";
    static const Layout kLayout;

    // How serious it is.
    LogLevel level{};
    // The line. (At most 512 bytes.)
    std::string_view text{};
};

}  // namespace ugpt::rpc

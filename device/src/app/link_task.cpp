#include "app/link_task.h"

#include <algorithm>
#include <limits>

#include "store/checkpoint.h"
#include "app/convert.h"
#include "store/data_set.h"
#include "app/planning.h"
#include "app/version.h"

namespace ugpt::app {
namespace {

constexpr std::uint32_t kIdleWaitMs = 100;
constexpr std::size_t kReadBytes = 256;

std::uint32_t saturated(std::uint64_t value) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

rpc::Plan describe_plan(port::Platform& platform, const rpc::Shape& shape,
                        const rpc::Recipe& recipe, std::uint32_t vocabulary_bytes) {
    const auto blocks = platform.memory_blocks();
    std::uint64_t available = 0;
    for (const auto& block : blocks) available += block.size();
    const engine::Plan plan =
        plan_model(blocks, to_engine(shape), to_engine(recipe), vocabulary_bytes);
    return {.parameters = saturated(plan.parameters),
            .weights_bytes = saturated(plan.weights_bytes),
            .moments_bytes = saturated(plan.moments_bytes),
            .gradients_bytes = saturated(plan.gradients_bytes),
            .activations_bytes = saturated(plan.activations_bytes),
            .vocabulary_bytes = vocabulary_bytes,
            .total_bytes = saturated(std::uint64_t{plan.total_bytes} + vocabulary_bytes),
            .available_bytes = saturated(available),
            .missing_bytes = saturated(plan.missing_bytes),
            .checkpoint_bytes =
                saturated(store::CheckpointStore::size_bytes(to_engine(shape), vocabulary_bytes)),
            .fits = plan.fits()};
}

LinkTask::LinkTask(const Ports& ports, const LinkLimits& limits, Shared& shared,
                   std::span<Exchange> exchanges, std::span<std::uint8_t> scratch)
    : ports_(ports),
      limits_(limits),
      shared_(shared),
      exchanges_(exchanges),
      scratch_(scratch),
      decoder_(exchanges[0].buffer),
      boot_(ports.platform.entropy()) {}

void LinkTask::run() {
    while (!shared_.stop.load(std::memory_order_relaxed)) {
        ports_.serial.wait(kIdleWaitMs);
        // A checkpoint in flash is part of the answer to most first questions.
        if (!shared_.booted.load(std::memory_order_acquire)) continue;
        receive();
        send_answers();
        send_log();
        send_texts();
    }
}

void LinkTask::receive() {
    std::array<std::uint8_t, kReadBytes> bytes;
    for (;;) {
        std::span<const std::uint8_t> rest =
            std::span(bytes).first(ports_.serial.read(bytes));
        watch_baud(!rest.empty());
        if (rest.empty()) return;
        while (!rest.empty()) {
            std::span<const std::uint8_t> body;
            rest = rest.subspan(decoder_.feed(rest, body));
            if (body.empty()) continue;
            baud_deadline_us_ = 0;
            take_body(body);
        }
        send_answers();
    }
}

void LinkTask::take_body(std::span<const std::uint8_t> body) {
    rpc::Request request;
    switch (rpc::parse_request(body, request)) {
        case rpc::Envelope::unusable:
            return;
        case rpc::Envelope::malformed:
            send(encode_refusal(scratch_, request.id, rpc::ErrorCode::bad_message));
            return;
        case rpc::Envelope::request:
            exchanges_[receiving_].size = body.size();
            take_request(request);
            return;
    }
}

void LinkTask::take_request(const rpc::Request& request) {
    if (!request.method) {
        send(encode_refusal(scratch_, request.id, rpc::ErrorCode::unknown_method));
    } else if (!shared_.greeted.load(std::memory_order_relaxed) && request.method != rpc::Method::hello) {
        send(encode_refusal(scratch_, request.id, rpc::ErrorCode::hello_first));
    } else if (rpc::info(*request.method).task == rpc::Task::trainer) {
        hand_to_trainer(request);
    } else {
        send(answer_here(request));
        carry_out_pending();
    }
}

void LinkTask::hand_to_trainer(const rpc::Request& request) {
    const auto waiting = [&](const Exchange& e) { return e.with_trainer && e.id == request.id; };
    if (std::ranges::any_of(exchanges_, waiting)) return;  // repeated; one answer is on its way
    const auto next = std::ranges::find_if(exchanges_, [&](const Exchange& e) {
        return !e.with_trainer && &e != &exchanges_[receiving_];
    });
    if (next == exchanges_.end()) return;  // beyond the window; the host repeats it
    Exchange& exchange = exchanges_[receiving_];
    exchange.id = request.id;
    exchange.with_trainer = true;
    shared_.requests.push(static_cast<std::uint8_t>(receiving_));
    ports_.trainer_signal.set();
    receiving_ = static_cast<std::size_t>(next - exchanges_.begin());
    decoder_.set_buffer(next->buffer);
}

std::span<const std::uint8_t> LinkTask::answer_here(const rpc::Request& request) {
    switch (*request.method) {
        case rpc::Method::hello:
            return answer<rpc::HelloParams>(
                request, scratch_, [this](const auto& in, auto& out) { return hello(in, out); });
        case rpc::Method::ping:
            return answer<rpc::PingParams>(request, scratch_, [](const auto& in, auto& out) {
                out.payload = in.payload;
                return Refusal{};
            });
        case rpc::Method::set_baud:
            return answer<rpc::SetBaudParams>(
                request, scratch_,
                [this](const auto& in, auto& out) { return set_baud(in, out); });
        case rpc::Method::reset:
            return answer<rpc::ResetParams>(request, scratch_, [this](const auto&, auto&) {
                restart_pending_ = true;
                return Refusal{};
            });
        case rpc::Method::status:
            return answer<rpc::StatusParams>(
                request, scratch_,
                [this](const auto&, auto& out) { return status(out.status); });
        case rpc::Method::losses:
            return answer<rpc::LossesParams>(
                request, scratch_, [this](const auto& in, auto& out) { return losses(in, out); });
        case rpc::Method::plan:
            return answer<rpc::PlanParams>(
                request, scratch_, [this](const auto& in, auto& out) { return plan(in, out); });
        case rpc::Method::documents_write:
            return answer<rpc::DocumentsWriteParams>(
                request, scratch_,
                [this](const auto& in, auto& out) { return documents_write(in, out); });
        default:
            return encode_refusal(scratch_, request.id, rpc::ErrorCode::unknown_method);
    }
}

void LinkTask::send(std::span<const std::uint8_t> body) {
    rpc::FrameEncoder encoder(body);
    for (auto piece = encoder.next(); !piece.empty(); piece = encoder.next())
        ports_.serial.write(piece);
}

void LinkTask::send_answers() {
    while (const auto index = shared_.answers.pop()) {
        send(exchanges_[*index].body());
        exchanges_[*index].with_trainer = false;
    }
}

void LinkTask::send_log() {
    port::LogLine line;
    while (shared_.greeted.load(std::memory_order_relaxed) && ports_.log.read(line)) {
        const rpc::LogNotification note{static_cast<rpc::LogLevel>(line.level), line.view()};
        send(rpc::encode_notification(scratch_, note));
    }
}

// Plain lines, for a person at a serial monitor; a host passes them over.
void LinkTask::send_texts() {
    while (const auto line = shared_.texts.pop()) {
        const std::string_view text = line->view();
        ports_.serial.write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
        constexpr std::array<std::uint8_t, 2> kNewLine{'\r', '\n'};
        ports_.serial.write(kNewLine);
    }
}

// What a reply announced happens after the reply has left.
void LinkTask::carry_out_pending() {
    if (restart_pending_) {
        restart_pending_ = false;
        ports_.serial.flush();
        ports_.platform.restart();
    }
    if (pending_baud_ != 0) {
        if (ports_.serial.set_baud(pending_baud_)) baud_ = pending_baud_;
        pending_baud_ = 0;
        baud_deadline_us_ = ports_.platform.now_us() + 1000ull * rpc::kBaudTrialMs;
    }
}

// At another than the first rate, a valid frame must follow the change, and any byte, within the
// trial time; otherwise the host is gone or cannot follow, and a new one begins at the first rate.
void LinkTask::watch_baud(bool bytes_arrived) {
    if (baud_ == rpc::kFirstBaud) return;
    const std::uint64_t now_us = ports_.platform.now_us();
    if (baud_deadline_us_ == 0) {
        if (bytes_arrived) baud_deadline_us_ = now_us + 1000ull * rpc::kBaudTrialMs;
    } else if (now_us > baud_deadline_us_) {
        baud_deadline_us_ = 0;
        baud_ = rpc::kFirstBaud;
        ports_.serial.set_baud(baud_);
    }
}

Refusal LinkTask::hello(const rpc::HelloParams& params, rpc::HelloResult& result) {
    if (params.major != rpc::kProtocolMajor)
        return {rpc::ErrorCode::wrong_version, rpc::kProtocolMajor};
    const port::Chip& chip = ports_.platform.chip();
    rpc::Hello& hello = result.hello;
    hello.major = rpc::kProtocolMajor;
    hello.minor = rpc::kProtocolMinor;
    hello.build = kBuild;
    hello.chip = chip.name;
    hello.board = chip.board;
    hello.virtual_device = chip.virtual_device;
    hello.cores = chip.cores;
    hello.clock_hz = chip.clock_hz;
    for (const auto& block : ports_.platform.memory_blocks())
        hello.memory_blocks.push_back(saturated(block.size()));
    hello.checkpoint_bytes = ports_.flash.size_bytes(port::Region::checkpoint_a);
    hello.boot = boot_;
    hello.frame_bytes = limits_.frame_bytes;
    hello.window = limits_.window;
    hello.baud_max = chip.baud_max;
    hello.data_bytes = store::DataSetStore::room_bytes(ports_.flash);
    shared_.greeted.store(true, std::memory_order_relaxed);
    return {};
}

Refusal LinkTask::set_baud(const rpc::SetBaudParams& params, rpc::SetBaudResult& result) {
    const std::uint32_t highest = ports_.platform.chip().baud_max;
    if (highest != 0 && params.baud > highest)
        return {rpc::ErrorCode::bad_params, highest, "baud: above what this board can do"};
    pending_baud_ = params.baud;
    result.baud = params.baud;
    return {};
}

// Documents sent for an earlier line of steps do not count for this one.
void LinkTask::follow_generation(const Progress& progress) {
    if (generation_ == progress.generation) return;
    generation_ = progress.generation;
    next_document_ = progress.generation_step * progress.batch;
}

Refusal LinkTask::status(rpc::Status& status) {
    const Progress progress = shared_.progress.read();
    follow_generation(progress);
    status.state = static_cast<rpc::DeviceState>(progress.state);
    status.run_id = progress.run_id;
    status.step = progress.step;
    status.target_step = progress.target_step;
    status.saved_step = progress.saved_step;
    status.loss = progress.loss;
    status.positions =
        std::uint64_t{progress.positions_high} << 32 | progress.positions_low;
    status.documents_next = next_document_;
    status.documents_free =
        static_cast<std::uint16_t>(shared_.documents.room_for(progress.block_size));
    status.losses_first = shared_.losses.first();
    status.error = static_cast<std::uint8_t>(progress.error);
    status.step_us = progress.step_us;
    status.free_bytes = progress.free_bytes;
    status.source = static_cast<rpc::Source>(progress.source);
    status.autorun = progress.autorun != 0;
    return {};
}

Refusal LinkTask::losses(const rpc::LossesParams& params, rpc::LossesResult& result) {
    result.first = params.first;
    const std::size_t count = shared_.losses.read(
        result.first, std::span(losses_).first(std::min(kMaxLossesPerReply,
                                                        std::size_t{params.count})));
    const auto bytes = std::as_bytes(std::span(losses_).first(count));
    result.values = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
    return {};
}

Refusal LinkTask::plan(const rpc::PlanParams& params, rpc::PlanResult& result) {
    if (!to_engine(params.shape).valid()) return rpc::ErrorCode::bad_shape;
    result.plan =
        describe_plan(ports_.platform, params.shape, params.recipe, params.vocabulary_bytes);
    return {};
}

rpc::ErrorCode LinkTask::push_document(std::span<const std::uint8_t> encoded,
                                       const Progress& progress, bool& taken) {
    std::array<engine::Token, rpc::kBlockSizeMax> tokens;
    std::size_t count = 0;
    if (!decode_tokens(encoded, progress.vocab_size,
                       std::span(tokens).first(progress.block_size), count))
        return rpc::ErrorCode::bad_token;
    taken = shared_.documents.push({next_document_, static_cast<std::uint16_t>(generation_)},
                                   std::span(tokens).first(count));
    return rpc::ErrorCode::none;
}

Refusal LinkTask::documents_write(const rpc::DocumentsWriteParams& params,
                                  rpc::DocumentsWriteResult& result) {
    const Progress progress = shared_.progress.read();
    if (progress.vocab_size == 0) return rpc::ErrorCode::no_model;
    follow_generation(progress);
    if (params.first > next_document_) return {rpc::ErrorCode::gap, next_document_};
    std::uint32_t index = params.first;
    bool taken = true;
    for (const auto encoded : params.documents) {
        if (index++ < next_document_) continue;
        const rpc::ErrorCode error = push_document(encoded, progress, taken);
        if (error != rpc::ErrorCode::none) return {error, next_document_};
        if (!taken) break;
        ++next_document_;
    }
    ports_.trainer_signal.set();
    result.next = next_document_;
    result.free = static_cast<std::uint16_t>(shared_.documents.room_for(progress.block_size));
    return {};
}

}  // namespace ugpt::app

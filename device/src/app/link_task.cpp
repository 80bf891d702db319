#include "app/link_task.h"

#include <algorithm>
#include <array>

#include "app/convert.h"
#include "app/dispatch.h"
#include "base/crc32.h"

namespace ugpt::app {
namespace {

constexpr std::uint32_t kLinkWaitMs = 100;
constexpr std::size_t kReadBytes = 256;

// A knock is a frame of printable bytes alone, which passes lines that no request passes.
constexpr std::string_view kKnock = "ugpt?";
constexpr std::string_view kHeard = "ugpt heard ";
constexpr std::string_view kHeardPlain = "ugpt hears text ";

bool is_knock(std::span<const std::uint8_t> body) {
    return body.size() >= kKnock.size() &&
           std::ranges::equal(body.first(kKnock.size()), kKnock,
                              [](std::uint8_t byte, char letter) { return byte == letter; });
}

}  // namespace

LinkTask::LinkTask(const Ports& ports, const LinkLimits& limits, Shared& shared,
                   std::span<PendingCall> calls, std::span<std::uint8_t> scratch)
    : ports_(ports),
      limits_(limits),
      shared_(shared),
      documents_(shared),
      console_(shared, ports.platform, ports.serial, ports.trainer_signal),
      calls_(calls),
      scratch_(scratch),
      decoder_(calls[0].buffer),
      boot_(ports.platform.entropy()) {}

void LinkTask::run() {
    while (!shared_.stop.load(std::memory_order_relaxed)) {
        ports_.serial.wait(kLinkWaitMs);
        // A checkpoint in flash is part of the answer to most first questions.
        if (!shared_.booted.load(std::memory_order_acquire)) continue;
        receive();
        send_answers();
        send_log();
        send_texts();
        console_.look();
    }
}

void LinkTask::receive() {
    std::array<std::uint8_t, kReadBytes> bytes;
    for (;;) {
        std::span<const std::uint8_t> rest = std::span(bytes).first(ports_.serial.read(bytes));
        watch_baud(!rest.empty());
        if (rest.empty()) return;
        console_.hear(rest);
        for (const std::uint8_t byte : rest) {
            if (plain_knock_.hear(byte)) answer_knock(kHeardPlain, plain_knock_.heard());
        }
        while (!rest.empty()) {
            std::span<const std::uint8_t> body;
            rest = rest.subspan(decoder_.feed(rest, body));
            if (body.empty()) continue;
            baud_deadline_us_ = 0;
            console_.note_frame();
            take_body(body);
        }
        send_answers();
    }
}

void LinkTask::take_body(std::span<const std::uint8_t> body) {
    rpc::Request request;
    switch (rpc::parse_request(body, request)) {
        case rpc::Envelope::unusable:
            if (is_knock(body)) answer_knock(kHeard, body);
            return;
        case rpc::Envelope::malformed:
            send(encode_error(scratch_, request.id, rpc::ErrorCode::bad_message));
            return;
        case rpc::Envelope::request:
            calls_[receiving_].size = body.size();
            take_request(request);
            return;
    }
}

// As text, because the way back may be no better.
void LinkTask::answer_knock(std::string_view answer, std::span<const std::uint8_t> knock) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<char, 8> digits;
    std::uint32_t crc = base::crc32(knock);
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, crc >>= 4)
        *digit = kDigits[crc & 15];
    write_line({answer, {digits.data(), digits.size()}});
}

void LinkTask::take_request(const rpc::Request& request) {
    if (!request.method) {
        send(encode_error(scratch_, request.id, rpc::ErrorCode::unknown_method));
    } else if (request.method != rpc::Method::hello &&
               !shared_.handshake_done.load(std::memory_order_relaxed)) {
        send(encode_error(scratch_, request.id, rpc::ErrorCode::hello_first));
    } else if (const Route& to = route(*request.method); to.trainer != nullptr) {
        hand_to_trainer(request);
    } else {
        send(to.link(*this, request, scratch_));
        carry_out_pending();
    }
}

void LinkTask::hand_to_trainer(const rpc::Request& request) {
    const auto waiting = [&](const PendingCall& call) {
        return call.with_trainer && call.id == request.id;
    };
    if (std::ranges::any_of(calls_, waiting)) return;  // repeated; one answer is on its way
    const auto next = std::ranges::find_if(calls_, [&](const PendingCall& call) {
        return !call.with_trainer && &call != &calls_[receiving_];
    });
    if (next == calls_.end()) return;  // beyond the window; the host repeats it
    PendingCall& call = calls_[receiving_];
    call.id = request.id;
    call.with_trainer = true;
    shared_.requests.push(static_cast<std::uint8_t>(receiving_));
    ports_.trainer_signal.set();
    receiving_ = static_cast<std::size_t>(next - calls_.begin());
    decoder_.set_buffer(next->buffer);
}

void LinkTask::send(std::span<const std::uint8_t> body) {
    rpc::FrameEncoder encoder(body);
    for (auto piece = encoder.next(); !piece.empty(); piece = encoder.next())
        ports_.serial.write(piece);
}

void LinkTask::send_answers() {
    while (const auto index = shared_.answers.pop()) {
        send(calls_[*index].body());
        calls_[*index].with_trainer = false;
    }
}

void LinkTask::send_log() {
    port::LogLine line;
    while (shared_.handshake_done.load(std::memory_order_relaxed) && ports_.log.read(line)) {
        const rpc::LogNotification note{to_rpc(line.level), line.view()};
        send(rpc::encode_notification(scratch_, note.kName, rpc::view(note)));
    }
}

// Plain lines, for a person at a serial monitor; a host passes them over.
void LinkTask::send_texts() {
    while (const auto line = shared_.texts.pop()) console_.show(*line);
}

void LinkTask::write_line(std::initializer_list<std::string_view> pieces) {
    const auto write = [&](std::string_view text) {
        ports_.serial.write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    };
    for (const std::string_view piece : pieces) write(piece);
    write("\r\n");
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

}  // namespace ugpt::app

// The task that owns the serial port: frames in, requests answered or handed on, frames out.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "app/console.h"
#include "app/document_intake.h"
#include "app/pending_call.h"
#include "app/plain_knock.h"
#include "app/shared.h"
#include "port/port.h"
#include "rpc/envelope.h"
#include "rpc/frame.h"

namespace ugpt::app {

struct LinkLimits {
    std::uint16_t frame_bytes = 2048;  // largest body, either way
    std::uint8_t window = 4;           // requests in flight
};

// What the firmware runs on; all of it outlives the tasks.
struct Ports {
    port::Platform& platform;
    port::Serial& serial;
    port::Flash& flash;
    port::Signal& trainer_signal;  // wakes the trainer
    port::Log& log;
    port::Helper* helper = nullptr;  // of the trainer task, if another core can help
};

class LinkTask {
  public:
    // `calls` has one entry more than there may be requests with the trainer; `scratch` holds a
    // body.
    LinkTask(const Ports& ports, const LinkLimits& limits, Shared& shared,
             std::span<PendingCall> calls, std::span<std::uint8_t> scratch);

    // Returns when `shared.stop` is set.
    void run();

    // For the handlers of its methods.
    [[nodiscard]] const Ports& ports() const { return ports_; }
    [[nodiscard]] const LinkLimits& limits() const { return limits_; }
    [[nodiscard]] Shared& shared() { return shared_; }
    [[nodiscard]] DocumentIntake& documents() { return documents_; }
    [[nodiscard]] std::uint32_t boot() const { return boot_; }
    // Room for losses until the response is encoded.
    [[nodiscard]] std::span<float> losses() { return losses_; }
    // Both are carried out when the reply has left.
    void restart_after_reply() { restart_pending_ = true; }
    void set_baud_after_reply(std::uint32_t baud) { pending_baud_ = baud; }

  private:
    void receive();
    void take_body(std::span<const std::uint8_t> body);
    void take_request(const rpc::Request& request);
    void answer_knock(std::string_view answer, std::span<const std::uint8_t> knock);
    void hand_to_trainer(const rpc::Request& request);
    void send(std::span<const std::uint8_t> body);
    void send_answers();
    void send_log();
    void send_texts();
    void write_line(std::initializer_list<std::string_view> pieces);
    void carry_out_pending();
    void watch_baud(bool bytes_arrived);

    static constexpr std::size_t kMaxLossesPerReply = 256;

    const Ports ports_;
    const LinkLimits limits_;
    Shared& shared_;
    DocumentIntake documents_;
    ConsoleInput console_;
    PlainKnock plain_knock_;
    std::span<PendingCall> calls_;
    std::span<std::uint8_t> scratch_;
    std::size_t receiving_ = 0;  // index of the call that frames are received into
    rpc::FrameDecoder decoder_;
    std::uint32_t boot_ = 0;
    bool restart_pending_ = false;
    std::uint32_t baud_ = rpc::kFirstBaud;
    std::uint32_t pending_baud_ = 0;      // to change to when the reply has left
    std::uint64_t baud_deadline_us_ = 0;  // for a valid frame; 0: nothing is awaited
    std::array<float, kMaxLossesPerReply> losses_{};
};

}  // namespace ugpt::app

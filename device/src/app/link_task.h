// The task that owns the serial port: frames in, requests answered or handed on, frames out.
#pragma once

#include <cstdint>
#include <span>

#include "app/exchange.h"
#include "app/shared.h"
#include "port/port.h"
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
};

class LinkTask {
  public:
    // `exchanges` has one entry more than there may be requests with the trainer; `scratch` holds
    // a body.
    LinkTask(const Ports& ports, const LinkLimits& limits, Shared& shared,
             std::span<Exchange> exchanges, std::span<std::uint8_t> scratch);

    // Returns when `shared.stop` is set.
    void run();

  private:
    void receive();
    void take_body(std::span<const std::uint8_t> body);
    void take_request(const rpc::Request& request);
    void hand_to_trainer(const rpc::Request& request);
    std::span<const std::uint8_t> answer_here(const rpc::Request& request);
    void send(std::span<const std::uint8_t> body);
    void send_answers();
    void send_log();
    void send_texts();
    void carry_out_pending();
    void watch_baud(bool bytes_arrived);

    Refusal hello(const rpc::HelloParams& params, rpc::HelloResult& result);
    Refusal set_baud(const rpc::SetBaudParams& params, rpc::SetBaudResult& result);
    Refusal status(rpc::Status& status);
    Refusal losses(const rpc::LossesParams& params, rpc::LossesResult& result);
    Refusal plan(const rpc::PlanParams& params, rpc::PlanResult& result);
    Refusal documents_write(const rpc::DocumentsWriteParams& params,
                            rpc::DocumentsWriteResult& result);
    void follow_generation(const Progress& progress);
    rpc::ErrorCode push_document(std::span<const std::uint8_t> encoded, const Progress& progress,
                                 bool& taken);

    static constexpr std::size_t kMaxLossesPerReply = 256;

    const Ports ports_;
    const LinkLimits limits_;
    Shared& shared_;
    std::span<Exchange> exchanges_;
    std::span<std::uint8_t> scratch_;
    std::size_t receiving_ = 0;  // index of the exchange that frames are received into
    rpc::FrameDecoder decoder_;
    std::uint32_t boot_ = 0;
    bool restart_pending_ = false;
    std::uint32_t baud_ = rpc::kFirstBaud;
    std::uint32_t pending_baud_ = 0;       // to change to when the reply has left
    std::uint64_t baud_deadline_us_ = 0;   // for a valid frame; 0: nothing is awaited
    std::uint32_t generation_ = 0;              // of the documents sent last
    std::uint32_t next_document_ = 0;
    std::array<float, kMaxLossesPerReply> losses_{};
};

// An engine plan and the size of its checkpoint, as the protocol puts it.
rpc::Plan describe_plan(port::Platform& platform, const rpc::Shape& shape,
                        const rpc::Recipe& recipe, std::uint32_t vocabulary_bytes);

}  // namespace ugpt::app

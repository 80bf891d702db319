// The firmware as a whole: both tasks and what lies between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "app/link_task.h"
#include "app/pending_call.h"
#include "app/shared.h"
#include "app/trainer_task.h"

namespace ugpt::app {

// What the two tasks pass on to each other and answer from; a chip has memory of several kinds.
struct DeviceMemory {
    std::span<std::uint8_t> calls;    // call_bytes(limits)
    std::span<std::uint8_t> scratch;  // scratch_bytes(limits)
    QueueMemory& queues;

    [[nodiscard]] static constexpr std::size_t call_bytes(const LinkLimits& limits) {
        return call_count(limits) * rpc::decoder_capacity(limits.frame_bytes);
    }
    [[nodiscard]] static constexpr std::size_t scratch_bytes(const LinkLimits& limits) {
        return 2 * std::size_t{limits.frame_bytes};
    }
    // One for each request of the window, one for a probe beside them, one to receive into.
    [[nodiscard]] static constexpr std::size_t call_count(const LinkLimits& limits) {
        return std::size_t{limits.window} + 2;
    }
};

class Device {
  public:
    Device(const Ports& ports, const LinkLimits& limits, const DeviceMemory& memory);

    void run_link() { link_.run(); }        // the body of the link task
    void run_trainer() { trainer_.run(); }  // the body of the trainer task

    // For a process, not for a chip: ends both.
    void stop();
    // When both have ended, and the process is about to: a run that needs no host is saved, as a
    // host can ask for at any time, and goes on from there at the next start.
    void keep_run() { trainer_.keep_run(); }

  private:
    static constexpr std::size_t kMaxCalls = rpc::kWindowMax + 2;
    static_assert(kMaxCalls <= Shared::kMaxCalls);

    // Deals out the buffers of the calls.
    std::span<PendingCall> deal(const LinkLimits& limits, std::span<std::uint8_t> memory);

    const Ports ports_;
    Shared shared_;
    std::array<PendingCall, kMaxCalls> all_calls_;
    std::span<PendingCall> calls_;
    LinkTask link_;
    TrainerTask trainer_;
};

}  // namespace ugpt::app

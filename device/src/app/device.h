// The firmware as a whole: both tasks and what lies between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "app/exchange.h"
#include "app/link_task.h"
#include "app/shared.h"
#include "app/trainer_task.h"

namespace ugpt::app {

// What the two tasks pass on to each other and answer from; a chip has memory of several kinds.
struct DeviceMemory {
    std::span<std::uint8_t> exchanges;  // exchange_bytes(limits)
    std::span<std::uint8_t> scratch;    // scratch_bytes(limits)
    QueueMemory& queues;

    [[nodiscard]] static constexpr std::size_t exchange_bytes(const LinkLimits& limits) {
        return exchange_count(limits) * rpc::decoder_capacity(limits.frame_bytes);
    }
    [[nodiscard]] static constexpr std::size_t scratch_bytes(const LinkLimits& limits) {
        return 2 * std::size_t{limits.frame_bytes};
    }
    // One for each request of the window, one for a probe beside them, one to receive into.
    [[nodiscard]] static constexpr std::size_t exchange_count(const LinkLimits& limits) {
        return std::size_t{limits.window} + 2;
    }
};

class Device {
  public:
    Device(const Ports& ports, const LinkLimits& limits, const DeviceMemory& memory);

    void run_link() { link_.run(); }        // the body of the link task
    void run_trainer() { trainer_.run(); }  // the body of the trainer task
    void stop();                            // ends both; for a process, not for a chip

  private:
    static constexpr std::size_t kMaxExchanges = rpc::kWindowMax + 2;
    static_assert(kMaxExchanges <= Shared::kMaxExchanges);

    // Deals out the exchanges' buffers.
    std::span<Exchange> deal(const LinkLimits& limits, std::span<std::uint8_t> memory);

    const Ports ports_;
    Shared shared_;
    std::array<Exchange, kMaxExchanges> all_exchanges_;
    std::span<Exchange> exchanges_;
    LinkTask link_;
    TrainerTask trainer_;
};

}  // namespace ugpt::app

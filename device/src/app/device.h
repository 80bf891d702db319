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

class Device {
  public:
    // Bytes that `link_memory` has to have.
    [[nodiscard]] static constexpr std::size_t link_memory_bytes(const LinkLimits& limits) {
        return exchange_count(limits) * rpc::decoder_capacity(limits.frame_bytes) +
               2 * std::size_t{limits.frame_bytes};
    }

    Device(const Ports& ports, const LinkLimits& limits, std::span<std::uint8_t> link_memory,
           RingMemory& ring_memory);

    void run_link() { link_.run(); }        // the body of the link task
    void run_trainer() { trainer_.run(); }  // the body of the trainer task
    void stop();                            // ends both; for a process, not for a chip

  private:
    // One for each request of the window, one for a probe beside them, one to receive into.
    [[nodiscard]] static constexpr std::size_t exchange_count(const LinkLimits& limits) {
        return std::size_t{limits.window} + 2;
    }
    static constexpr std::size_t kMaxExchanges = rpc::kWindowMax + 2;
    static_assert(kMaxExchanges <= Shared::kMaxExchanges);

    // Cuts `link_memory` into the exchanges' buffers; returns what is left.
    std::span<std::uint8_t> deal(const LinkLimits& limits, std::span<std::uint8_t> link_memory);

    const Ports ports_;
    Shared shared_;
    std::array<Exchange, kMaxExchanges> exchanges_;
    std::span<std::uint8_t> scratch_;
    LinkTask link_;
    TrainerTask trainer_;
};

}  // namespace ugpt::app

// The task that owns the trainer: calls between steps, and steps for as long as they are due.
#pragma once

#include <cstdint>
#include <span>

#include "app/console.h"
#include "app/link_task.h"
#include "app/pending_call.h"
#include "app/shared.h"
#include "app/trainer.h"

namespace ugpt::app {

class TrainerTask {
  public:
    // `scratch` holds a body.
    TrainerTask(const Ports& ports, Shared& shared, std::span<PendingCall> calls,
                std::span<std::uint8_t> scratch);

    // Returns when `shared.stop` is set.
    void run();
    // After `run`: leaves in flash where a run stands that needs no host.
    void keep_run() { trainer_.keep_run(); }

  private:
    void answer_next(std::uint8_t index);

    const Ports ports_;
    Shared& shared_;
    std::span<PendingCall> calls_;
    std::span<std::uint8_t> scratch_;
    Trainer trainer_;
    ConsoleWriter console_;
};

}  // namespace ugpt::app

#include "app/trainer_task.h"

#include <algorithm>

#include "app/dispatch.h"

namespace ugpt::app {

TrainerTask::TrainerTask(const Ports& ports, Shared& shared, std::span<PendingCall> calls,
                         std::span<std::uint8_t> scratch)
    : ports_(ports),
      shared_(shared),
      calls_(calls),
      scratch_(scratch),
      trainer_(ports.platform, ports.flash, ports.log, shared, ports.helper),
      console_(trainer_, shared, ports.serial) {}

void TrainerTask::run() {
    trainer_.boot();
    ports_.serial.wake();
    while (!shared_.stop.load(std::memory_order_relaxed)) {
        while (const auto index = shared_.requests.pop()) answer_next(*index);
        const bool spoke = console_.advance();
        if (trainer_.advance() || spoke) continue;
        ports_.trainer_signal.wait(trainer_.idle_wait_ms());
        if (TextLine line; trainer_.draw_autorun_text(line) && shared_.texts.push(line))
            ports_.serial.wake();
    }
}

void TrainerTask::answer_next(std::uint8_t index) {
    PendingCall& call = calls_[index];
    rpc::Request request;
    // The link task has parsed it once; a request that is here can be answered.
    (void)rpc::parse_request(call.body(), request);
    const auto response = route(*request.method).trainer(trainer_, request, scratch_);
    std::ranges::copy(response, call.buffer.begin());
    call.size = response.size();
    shared_.answers.push(index);
    ports_.serial.wake();
}

}  // namespace ugpt::app

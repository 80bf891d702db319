#include "app/device.h"

namespace ugpt::app {

std::span<PendingCall> Device::deal(const LinkLimits& limits, std::span<std::uint8_t> memory) {
    const auto calls = std::span(all_calls_).first(DeviceMemory::call_count(limits));
    const std::size_t size = rpc::decoder_capacity(limits.frame_bytes);
    for (PendingCall& call : calls) {
        call.buffer = memory.first(size);
        memory = memory.subspan(size);
    }
    return calls;
}

Device::Device(const Ports& ports, const LinkLimits& limits, const DeviceMemory& memory)
    : ports_(ports),
      shared_(memory.queues),
      calls_(deal(limits, memory.calls)),
      link_(ports, limits, shared_, calls_, memory.scratch.first(limits.frame_bytes)),
      trainer_(ports, shared_, calls_, memory.scratch.subspan(limits.frame_bytes)) {}

void Device::stop() {
    shared_.stop = true;
    ports_.serial.wake();
    ports_.trainer_signal.set();
}

}  // namespace ugpt::app

#include "app/device.h"

namespace ugpt::app {

std::span<Exchange> Device::deal(const LinkLimits& limits, std::span<std::uint8_t> memory) {
    const auto exchanges = std::span(all_exchanges_).first(DeviceMemory::exchange_count(limits));
    const std::size_t size = rpc::decoder_capacity(limits.frame_bytes);
    for (Exchange& exchange : exchanges) {
        exchange.buffer = memory.first(size);
        memory = memory.subspan(size);
    }
    return exchanges;
}

Device::Device(const Ports& ports, const LinkLimits& limits, const DeviceMemory& memory)
    : ports_(ports),
      shared_(memory.queues),
      exchanges_(deal(limits, memory.exchanges)),
      link_(ports, limits, shared_, exchanges_, memory.scratch.first(limits.frame_bytes)),
      trainer_(ports, shared_, exchanges_, memory.scratch.subspan(limits.frame_bytes)) {}

void Device::stop() {
    shared_.stop = true;
    ports_.serial.wake();
    ports_.trainer_signal.set();
}

}  // namespace ugpt::app

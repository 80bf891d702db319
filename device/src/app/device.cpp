#include "app/device.h"

namespace ugpt::app {

std::span<std::uint8_t> Device::deal(const LinkLimits& limits,
                                     std::span<std::uint8_t> link_memory) {
    const std::size_t size = rpc::decoder_capacity(limits.frame_bytes);
    for (std::size_t i = 0; i < exchange_count(limits); ++i) {
        exchanges_[i].buffer = link_memory.first(size);
        link_memory = link_memory.subspan(size);
    }
    return link_memory;
}

Device::Device(const Ports& ports, const LinkLimits& limits, std::span<std::uint8_t> link_memory,
               RingMemory& ring_memory)
    : ports_(ports),
      shared_(ring_memory),
      scratch_(deal(limits, link_memory)),
      link_(ports, limits, shared_, std::span(exchanges_).first(exchange_count(limits)),
            scratch_.first(limits.frame_bytes)),
      trainer_(ports, shared_, std::span(exchanges_).first(exchange_count(limits)),
               scratch_.subspan(limits.frame_bytes)) {}

void Device::stop() {
    shared_.stop = true;
    ports_.serial.wake();
    ports_.trainer_signal.set();
}

}  // namespace ugpt::app

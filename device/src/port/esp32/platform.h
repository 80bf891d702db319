// Clock, randomness, memory and restart of the chip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "port/esp32/memory.h"
#include "port/port.h"

namespace ugpt::port::esp32 {

class ChipPlatform : public Platform {
  public:
    explicit ChipPlatform(const TensorMemory& memory);

    [[nodiscard]] const Chip& chip() const override { return chip_; }
    [[nodiscard]] std::span<const std::span<std::byte>> memory_blocks() override {
        return memory_.blocks();
    }
    [[nodiscard]] std::uint64_t now_us() override;
    [[nodiscard]] std::uint32_t ticks() override;
    [[nodiscard]] std::uint32_t entropy() override;
    void restart() override;

  private:
    Chip chip_;
    const TensorMemory& memory_;
};

}  // namespace ugpt::port::esp32

// Identity, clock, randomness, memory, health and restart of the chip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "port/esp32/tensor_memory.h"
#include "port/port.h"
#include "soc/soc_caps.h"
#if SOC_TEMP_SENSOR_SUPPORTED
#include "driver/temperature_sensor.h"
#endif

namespace ugpt::port::esp32 {

class ChipPlatform : public Platform {
  public:
    explicit ChipPlatform(const TensorMemory& memory);

    [[nodiscard]] const Chip& chip() const override { return chip_; }
    [[nodiscard]] Health health() override;
    [[nodiscard]] std::span<const std::span<std::byte>> memory_blocks() override {
        return memory_.blocks();
    }
    [[nodiscard]] MemoryKind memory_kind(std::size_t block) const override;
    [[nodiscard]] std::span<std::byte> word_memory() override { return memory_.words(); }
    [[nodiscard]] std::uint64_t now_us() override;
    [[nodiscard]] std::uint32_t ticks() override;
    [[nodiscard]] std::uint32_t entropy() override;
    void restart() override;

  private:
    std::optional<float> temperature_c();

    Chip chip_;
    const TensorMemory& memory_;
#if SOC_TEMP_SENSOR_SUPPORTED
    temperature_sensor_handle_t sensor_ = nullptr;  // nullptr: it is not running
    bool sensor_tried_ = false;
#endif
};

}  // namespace ugpt::port::esp32

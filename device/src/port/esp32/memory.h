// The memory of the chip, dealt out once at start.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "app/device.h"
#include "app/link_task.h"
#include "sdkconfig.h"

namespace ugpt::port::esp32 {

inline constexpr app::LinkLimits kLimits{.frame_bytes = CONFIG_UGPT_FRAME_BYTES,
                                         .window = CONFIG_UGPT_WINDOW};

// To be called once. The firmware stops with a message where there is not enough.
[[nodiscard]] app::DeviceMemory take_device_memory();

// The blocks for tensors.
class TensorMemory {
  public:
    // To be made when drivers and buffers have what they need.
    TensorMemory();
    [[nodiscard]] std::span<const std::span<std::byte>> blocks() const {
        return std::span(blocks_).first(count_);
    }

  private:
    static constexpr std::size_t kMaxBlocks = 4;

    void add(std::byte* first, std::size_t size_bytes);
    void add_largest(std::uint32_t capabilities, std::size_t reserve_bytes);

    std::array<std::span<std::byte>, kMaxBlocks> blocks_{};
    std::size_t count_ = 0;
};

}  // namespace ugpt::port::esp32

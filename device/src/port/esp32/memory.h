// The memory of the chip, dealt out once at start.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "app/shared.h"

namespace ugpt::port::esp32 {

// Each takes what it returns from the heap for good; the firmware stops with a message where there
// is not enough.
[[nodiscard]] std::span<std::uint8_t> take_bytes(std::size_t size);
// On a plain ESP32 it lies in memory that can only be accessed by whole words.
[[nodiscard]] app::RingMemory& take_ring_memory();

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

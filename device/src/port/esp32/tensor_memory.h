// The memory of the chip that tensors get.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ugpt::port::esp32 {

class TensorMemory {
  public:
    // To be made when drivers and buffers have what they need.
    TensorMemory();
    [[nodiscard]] std::span<const std::span<std::byte>> blocks() const {
        return std::span(blocks_).first(count_);
    }
    // What can be read and written by whole words only.
    [[nodiscard]] std::span<std::byte> words() const { return words_; }
    // Memory for the stack of a helper, which the tensors do without; empty with one core.
    [[nodiscard]] std::span<std::byte> helper_stack() const { return helper_stack_; }

  private:
    static constexpr std::size_t kMaxBlocks = 4;

    void add(std::byte* first, std::size_t size_bytes);
    void add_largest(std::uint32_t capabilities, std::size_t reserve_bytes);

    std::array<std::span<std::byte>, kMaxBlocks> blocks_{};
    std::size_t count_ = 0;
    std::span<std::byte> words_;
    std::span<std::byte> helper_stack_;
};

}  // namespace ugpt::port::esp32

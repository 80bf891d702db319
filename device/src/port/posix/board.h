// What a virtual device pretends to have: the memory and flash of a real board.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ugpt::port::posix {

struct Board {
    std::string_view name;
    std::string_view chip;
    std::uint8_t cores;
    std::vector<std::size_t> memory_blocks;  // bytes free for tensors under ESP-IDF
    std::size_t word_memory_bytes;           // of memory that is read by whole words only
    std::uint32_t flash_bytes;
    std::uint32_t clock_hz;  // these two at a board's pace only
    std::uint32_t baud_max;
};

[[nodiscard]] std::span<const Board> boards();
[[nodiscard]] const Board* find_board(std::string_view name);

}  // namespace ugpt::port::posix

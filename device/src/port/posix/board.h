// What a virtual device pretends to have: the memory and flash of a real board.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "port/port.h"

namespace ugpt::port::posix {

// A block of memory that is free for tensors under ESP-IDF.
struct BoardMemory {
    std::size_t size_bytes;
    MemoryKind kind;
};

struct Board {
    std::string_view name;
    std::string_view chip;
    std::uint8_t cores;
    bool estimated;  // no such board has been looked at: docs/memory.md says where sizes are from
    std::vector<BoardMemory> memory;
    std::size_t word_memory_bytes;  // of memory that is read by whole words only
    std::uint32_t flash_bytes;
    FlashMode flash_mode;
    std::uint32_t flash_hz;
    std::uint32_t clock_hz;  // 0: nothing is known of its speed, and it can keep no pace
    std::uint32_t baud_max;  // at a board's pace only
};

[[nodiscard]] std::span<const Board> boards();
[[nodiscard]] const Board* find_board(std::string_view name);

}  // namespace ugpt::port::posix

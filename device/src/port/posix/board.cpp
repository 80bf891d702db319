#include "port/posix/board.h"

namespace ugpt::port::posix {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::uint32_t kFlash4MiB = 4 << 20;

}  // namespace

std::span<const Board> boards() {
    static const std::vector<Board> all{
        {"esp32",
         "esp32",
         2,
         {168 * kKiB, 109 * kKiB},
         47 * kKiB,
         kFlash4MiB,
         240'000'000,
         921'600},
    };
    return all;
}

const Board* find_board(std::string_view name) {
    for (const Board& board : boards())
        if (board.name == name) return &board;
    return nullptr;
}

}  // namespace ugpt::port::posix

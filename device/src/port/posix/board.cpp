#include "port/posix/board.h"

namespace ugpt::port::posix {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::uint32_t kMiB = 1 << 20;
constexpr std::uint32_t kClockHz = 240'000'000;
constexpr std::uint32_t kBaudMax = 921'600;
// What the firmware sets.
constexpr FlashMode kFlashMode = FlashMode::qio;
constexpr std::uint32_t kFlashHz = 80'000'000;
// Measured by others; docs/performance.md has where it is from.
constexpr std::uint32_t kPsramOfS3 = 85'500'000;

std::vector<Board> make_boards() {
    const Board esp32{.name = "esp32",
                      .chip = "esp32",
                      .cores = 2,
                      .estimated = false,
                      .memory = {{168 * kKiB, {"DRAM"}}, {104 * kKiB, {"D/IRAM"}}},
                      .word_memory_bytes = 44 * kKiB,
                      .flash_bytes = 4 * kMiB,
                      .flash_mode = kFlashMode,
                      .flash_hz = kFlashHz,
                      .clock_hz = kClockHz,
                      .baud_max = kBaudMax};
    Board s3 = esp32;
    s3.name = s3.chip = "esp32s3";
    s3.estimated = true;
    s3.memory = {{280 * kKiB, {"SRAM"}}};
    s3.word_memory_bytes = 0;
    s3.flash_bytes = 8 * kMiB;
    Board s3_psram = s3;
    s3_psram.name = "esp32s3-psram";
    s3_psram.memory = {{248 * kKiB, {"SRAM"}}, {8'064 * kKiB, {"PSRAM", kPsramOfS3}}};
    Board c3 = s3;
    c3.name = c3.chip = "esp32c3";
    c3.cores = 1;
    c3.memory = {{220 * kKiB, {"SRAM"}}};
    c3.flash_bytes = 4 * kMiB;
    c3.clock_hz = 0;
    return {esp32, s3, s3_psram, c3};
}

}  // namespace

std::span<const Board> boards() {
    static const std::vector<Board> all = make_boards();
    return all;
}

const Board* find_board(std::string_view name) {
    for (const Board& board : boards())
        if (board.name == name) return &board;
    return nullptr;
}

}  // namespace ugpt::port::posix

// The seam between the firmware and the platform it runs on. Everything that differs between an
// ESP32 and a host process is behind these classes; `port/esp32` and `port/posix` implement them,
// and nothing else in the firmware includes a platform header.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "port/regions.h"

namespace ugpt::port {

// The byte stream of the link (UART, USB, pseudo-terminal, socket). Used by the link task only,
// except `wake`.
class Serial {
  public:
    virtual ~Serial() = default;
    // Copies bytes that have arrived, without waiting; returns how many.
    virtual std::size_t read(std::span<std::uint8_t> out) = 0;
    // Queues all bytes for sending; waits while the queue is full.
    virtual void write(std::span<const std::uint8_t> bytes) = 0;
    // Returns when bytes have arrived, after `wake`, or after `timeout_ms`.
    virtual void wait(std::uint32_t timeout_ms) = 0;
    // Ends a `wait` that is under way or the next one; callable from any task.
    virtual void wake() = 0;
    // Returns when everything queued has left.
    virtual void flush() = 0;
    // Flushes, then changes the rate; false if the port cannot have that rate.
    virtual bool set_baud(std::uint32_t baud) = 0;
};

// NOR flash: bits are erased to 1 by sectors and written to 0. Used by the trainer task only.
class Flash {
  public:
    static constexpr std::uint32_t kSectorBytes = 4096;

    virtual ~Flash() = default;
    // 0 if the flash has no such region.
    [[nodiscard]] virtual std::uint32_t size_bytes(Region region) const = 0;
    virtual bool read(Region region, std::uint32_t offset, std::span<std::byte> out) = 0;
    virtual bool write(Region region, std::uint32_t offset, std::span<const std::byte> bytes) = 0;
    // `offset` and `size_bytes` are multiples of kSectorBytes.
    virtual bool erase(Region region, std::uint32_t offset, std::uint32_t size_bytes) = 0;
    // A region as memory that begins at a multiple of 64 bytes, for as long as the flash lasts;
    // what is written shows in it. Empty if there is no such region, or it cannot be had.
    [[nodiscard]] virtual std::span<const std::byte> mapped(Region region) = 0;
};

// Wakes one waiting task; set while nobody waits, it ends the next wait.
class Signal {
  public:
    virtual ~Signal() = default;
    virtual void set() = 0;
    virtual void wait(std::uint32_t timeout_ms) = 0;
};

// Other cores that take part in the trainer task's work: a task on each, which runs below the link
// task and is blocked unless there is work. Used by the trainer task only, but for `relax`.
class Helper {
  public:
    virtual ~Helper() = default;
    // How many there are.
    [[nodiscard]] virtual std::uint32_t count() const = 0;
    // What each of them runs when it is woken, with its own number from 1 on; then it blocks again.
    // Called once, before all else.
    virtual void employ(void (*work)(void* context, std::uint32_t core), void* context) = 0;
    // Wakes `count` of those that are blocked, or about to be.
    virtual void wake(std::uint32_t count) = 0;
    // Lets some moments pass; for a core that waits for another one to end its part.
    virtual void relax() = 0;
};

// Lines for the device log, kept until the link task sends them; the oldest go when it is full.
enum class LogLevel : std::uint8_t { error, warning, info };

struct LogLine {
    static constexpr std::size_t kMaxBytes = 120;
    LogLevel level = LogLevel::info;
    std::uint8_t size = 0;
    std::array<char, kMaxBytes> text{};
    [[nodiscard]] std::string_view view() const { return {text.data(), size}; }
};

class Log {
  public:
    virtual ~Log() = default;
    // Callable from any task; longer lines are cut.
    virtual void write(LogLevel level, std::string_view text) = 0;
    // Link task: takes the oldest line.
    virtual bool read(LogLine& line) = 0;
};

// How the cache reads the flash, by the lines for data or for addresses and data.
enum class FlashMode : std::uint8_t { unknown, single, dout, dio, qout, qio };

// What the firmware runs on.
struct Chip {
    std::string_view name;   // "esp32"
    std::string_view board;  // board, or profile of a virtual device
    bool virtual_device = false;
    std::uint64_t device_id = 0;  // the chip's MAC address, or a virtual device's own number
    std::uint8_t cores = 2;
    std::uint32_t clock_hz = 0;
    std::uint32_t cost_hz = 0;  // of a chip whose cycles engine/cost estimates; 0: not of this one
    std::uint32_t baud_max = 0;
    std::uint32_t flash_bytes = 0;
    FlashMode flash_mode = FlashMode::unknown;
    std::uint32_t flash_hz = 0;               // 0: not known
    std::uint32_t flash_bytes_per_s = 0;      // read through the cache, an estimate; 0: not known
    std::optional<std::uint16_t> revision{};  // 100 for v1.0
    std::span<const std::uint8_t> image_sha256{};  // of the firmware's ELF file
    bool estimated = false;                 // the memory of a virtual device, and with it the rest
    std::uint32_t tick_hz = 1'000'000'000;  // of Platform::ticks
};

// How the chip is doing.
struct Health {
    std::uint32_t heap_free_bytes = 0;        // 0: not known
    std::uint32_t heap_least_free_bytes = 0;  // since the start
    std::optional<float> temperature_c;       // if the chip has a sensor
};

// What a block of memory is.
struct MemoryKind {
    std::string_view name;          // as its maker calls it: "DRAM"
    std::uint32_t bytes_per_s = 0;  // an estimate; 0: the core does not wait for it
};

class Platform {
  public:
    virtual ~Platform() = default;
    [[nodiscard]] virtual const Chip& chip() const = 0;
    // Link task only.
    [[nodiscard]] virtual Health health() = 0;
    // The blocks of memory that tensors can use; taken once, at start.
    [[nodiscard]] virtual std::span<const std::span<std::byte>> memory_blocks() = 0;
    // By their number there.
    [[nodiscard]] virtual MemoryKind memory_kind(std::size_t block) const = 0;
    // More of it, of which the chip reads and writes whole words only; empty if there is none.
    [[nodiscard]] virtual std::span<std::byte> word_memory() { return {}; }
    [[nodiscard]] virtual std::uint64_t now_us() = 0;
    // The finest counter there is, of cycles on a chip; wraps round. Each core may have its own.
    [[nodiscard]] virtual std::uint32_t ticks() = 0;
    // Whether work takes the time of another chip, so that its cycles must be estimated.
    [[nodiscard]] virtual bool paced() const { return false; }
    // Trainer task only: what was done since `since_us` takes a chip so many cycles. A platform
    // that keeps a chip's pace returns when they are over; on a chip they have been.
    virtual void spend(std::uint64_t /*cycles*/, std::uint64_t /*since_us*/) {}
    // At start only, before anything else uses the chip's analog converter.
    [[nodiscard]] virtual std::uint32_t entropy() = 0;
    // Starts over; does not return on a chip. A host process returns and ends its tasks.
    virtual void restart() = 0;
};

}  // namespace ugpt::port

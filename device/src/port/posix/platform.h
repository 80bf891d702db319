// Clock, memory, randomness, signals and log of a virtual device.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "port/port.h"
#include "port/posix/board.h"
#include "port/posix/pace.h"

namespace ugpt::port::posix {

class ThreadSignal : public Signal {
  public:
    void set() override;
    void wait(std::uint32_t timeout_ms) override;

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool set_ = false;
};

class MemoryLog : public Log {
  public:
    void write(LogLevel level, std::string_view text) override;
    bool read(LogLine& line) override;

  private:
    static constexpr std::size_t kMaxLines = 32;
    std::mutex mutex_;
    std::deque<LogLine> lines_;
};

class HostPlatform : public Platform {
  public:
    // `restart` is called when the firmware asks to start over. With `paced`, work takes the time
    // that it is estimated to take the board.
    HostPlatform(const Board& board, std::uint64_t device_id, bool paced,
                 std::function<void()> restart);

    [[nodiscard]] const Chip& chip() const override { return chip_; }
    // A process has no heap of its own size and no sensor.
    [[nodiscard]] Health health() override { return {}; }
    [[nodiscard]] std::span<const std::span<std::byte>> memory_blocks() override;
    [[nodiscard]] MemoryKind memory_kind(std::size_t block) const override { return kinds_[block]; }
    [[nodiscard]] std::span<std::byte> word_memory() override { return word_memory_; }
    [[nodiscard]] std::uint64_t now_us() override;
    [[nodiscard]] std::uint32_t ticks() override;
    [[nodiscard]] std::uint32_t entropy() override;
    [[nodiscard]] bool paced() const override { return paced_; }
    void spend(std::uint64_t cycles, std::uint64_t since_us) override;
    void restart() override { restart_(); }

    // Returns when work that began at `begun` and takes `cost` is over. Trainer task only.
    void take_time(Time begun, Duration cost);
    // Ends a wait for work that is under way, and all later ones; callable from any task.
    void stop();

  private:
    // Bytes that hold anything, aligned as a chip's memory is.
    std::span<std::byte> take_memory(std::size_t size);

    Chip chip_;
    const bool paced_;
    WorkPace pace_;
    std::mutex mutex_;
    std::condition_variable stopping_;
    bool stopped_ = false;
    std::function<void()> restart_;
    std::vector<std::vector<std::byte>> memory_;
    std::vector<std::span<std::byte>> blocks_;
    std::vector<MemoryKind> kinds_;
    std::span<std::byte> word_memory_;
};

}  // namespace ugpt::port::posix

// Platforms for the tests: memory in place of hardware.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "port/port.h"

namespace ugpt::test {

struct PowerCut {};

// NOR flash in memory; throws PowerCut when its budget of bytes is used up.
class MemoryFlash : public port::Flash {
  public:
    explicit MemoryFlash(std::uint32_t region_bytes);
    MemoryFlash(const MemoryFlash& other) : regions_(other.regions_) {}  // the content alone

    std::uint64_t budget = UINT64_MAX;
    std::atomic<bool> broken = false;                   // writes are taken and lost
    std::atomic<bool> failing = false;                  // writes and erasures report a failure
    std::atomic<std::uint32_t> lost_from = UINT32_MAX;  // bytes from there on in a region are lost
    // The power is cut for the flash alone: what is written beyond so many bytes is lost, while the
    // device believes that all is well. An erased sector counts as one byte.
    std::atomic<std::uint64_t> freeze_after = UINT64_MAX;
    std::atomic<std::uint64_t> written = 0;                       // bytes, and erased sectors
    std::atomic<std::uint64_t> reads_until_failure = UINT64_MAX;  // one read fails after so many

    // Holds up the task that uses the flash next, or that region of it, until the gate is opened.
    void close_gate(std::optional<port::Region> region = {});
    void open_gate();
    // Waits until a task stands at the gate; false if none comes.
    bool wait_at_gate(std::uint32_t patience_ms);

    [[nodiscard]] std::uint32_t size_bytes(port::Region) const override;
    bool read(port::Region region, std::uint32_t offset, std::span<std::byte> out) override;
    bool write(port::Region region, std::uint32_t offset,
               std::span<const std::byte> bytes) override;
    bool erase(port::Region region, std::uint32_t offset, std::uint32_t size_bytes) override;
    [[nodiscard]] std::span<const std::byte> mapped(port::Region region) override;

  private:
    void pass_gate(port::Region region);
    bool spend_one();  // false if the power is off
    [[nodiscard]] std::span<std::byte> bytes_of(port::Region region);

    // A part of a region, which lies as flash does.
    struct alignas(64) Line {
        std::array<std::byte, 64> bytes;
    };

    std::mutex gate_mutex_;
    std::condition_variable gate_changed_;
    bool gate_closed_ = false;
    std::optional<port::Region> gate_region_;
    bool at_gate_ = false;
    std::array<std::vector<Line>, port::kRegionCount> regions_;
};

// The time of a device under test: it stands still until a test moves it on. Both tasks of a device
// wait here, so a test knows when neither can go on.
class ManualClock {
  public:
    [[nodiscard]] std::uint64_t now_us() const { return now_us_; }
    // Moves the time on, which ends every wait whose time is up.
    void advance_ms(std::uint64_t duration_ms);

    // Waits until the time is up or `ready()` holds, which is asked under the lock of `change`.
    void wait(std::uint32_t timeout_ms, const std::function<bool()>& ready);
    // As `wait`, for a test and in real time: how long it may take the device to come that far.
    bool wait_for_device(std::uint32_t patience_ms, const std::function<bool()>& ready);
    // Changes something that a `ready` above looks at.
    void change(const std::function<void()>& act);

    // Waits until all tasks that a test does not hold up wait for something that only a test can
    // bring about; false if they do not come to rest.
    bool settle(std::uint32_t patience_ms, std::size_t held_tasks = 0);
    [[nodiscard]] bool at_rest();

  private:
    static constexpr std::size_t kTasks = 2;

    struct Waiter {
        std::uint64_t deadline_us;
        const std::function<bool()>& ready;
    };
    [[nodiscard]] bool ended(const Waiter& waiter) const {
        return now_us_ >= waiter.deadline_us || waiter.ready();
    }
    [[nodiscard]] bool rest(std::size_t tasks) const;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<std::uint64_t> now_us_ = 1;
    std::vector<const Waiter*> waiters_;
};

class QueueSerial : public port::Serial {
  public:
    explicit QueueSerial(ManualClock& clock) : clock_(clock) {}

    std::size_t read(std::span<std::uint8_t> out) override;
    void write(std::span<const std::uint8_t> bytes) override;
    void wait(std::uint32_t timeout_ms) override;
    void wake() override;
    void flush() override { ++flushes; }
    bool set_baud(std::uint32_t baud) override;

    std::atomic<int> flushes = 0;
    std::atomic<bool> takes_bauds = true;  // whether `set_baud` succeeds

    // The other end of the line.
    void deliver(std::span<const std::uint8_t> bytes);
    // What has been sent; waits for it if there is nothing yet.
    std::vector<std::uint8_t> collect(std::uint32_t patience_ms);
    std::vector<std::uint32_t> bauds();
    std::size_t sent_bytes();  // by the device, since the start

  private:
    ManualClock& clock_;
    bool woken_ = false;
    std::deque<std::uint8_t> to_device_;
    std::vector<std::uint8_t> from_device_;
    std::vector<std::uint32_t> bauds_;
    std::size_t sent_bytes_ = 0;
};

class FakeSignal : public port::Signal {
  public:
    explicit FakeSignal(ManualClock& clock) : clock_(clock) {}
    void set() override;
    void wait(std::uint32_t timeout_ms) override;

  private:
    ManualClock& clock_;
    bool set_ = false;
};

class FakeLog : public port::Log {
  public:
    void write(port::LogLevel level, std::string_view text) override;
    bool read(port::LogLine& line) override;

  private:
    std::mutex mutex_;
    std::deque<port::LogLine> lines_;
};

class FakePlatform : public port::Platform {
  public:
    FakePlatform(const ManualClock& clock, std::vector<std::size_t> block_sizes);

    [[nodiscard]] const port::Chip& chip() const override { return chip_; }
    [[nodiscard]] port::Health health() override { return health_; }
    [[nodiscard]] std::span<const std::span<std::byte>> memory_blocks() override;
    [[nodiscard]] port::MemoryKind memory_kind(std::size_t) const override { return {"fake"}; }
    [[nodiscard]] std::uint64_t now_us() override { return clock_.now_us(); }
    [[nodiscard]] std::uint32_t ticks() override { return ticks_ += 10; }
    [[nodiscard]] std::uint32_t entropy() override { return 77; }
    [[nodiscard]] bool paced() const override { return true; }
    void spend(std::uint64_t cycles, std::uint64_t) override {
        spent_cycles += cycles;
        if (on_spend) on_spend();
    }
    void restart() override {
        if (on_restart) on_restart();
        ++restarts;
    }

    std::atomic<int> restarts = 0;
    std::atomic<std::uint64_t> spent_cycles = 0;  // what the trainer said that its work takes
    std::function<void()> on_restart;
    std::function<void()> on_spend;

  private:
    struct alignas(64) Line {
        std::array<std::byte, 64> bytes;
    };
    const ManualClock& clock_;
    std::uint32_t ticks_ = UINT32_MAX - 1000;  // wraps round early
    static constexpr std::array<std::uint8_t, 32> kImageDigest{1, 2, 3};
    port::Chip chip_{.name = "fake",
                     .board = "test",
                     .virtual_device = true,
                     .device_id = 0x020000000077,
                     .cores = 2,
                     .baud_max = 921600,
                     .flash_bytes = 4 << 20,
                     .flash_mode = port::FlashMode::dio,
                     .flash_hz = 40'000'000,
                     .revision = 301,
                     .image_sha256 = kImageDigest};
    port::Health health_{11'000, 10'900, 51.5f};
    std::vector<std::vector<Line>> memory_;
    std::vector<std::span<std::byte>> blocks_;
};

}  // namespace ugpt::test

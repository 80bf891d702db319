// The arithmetic of going no faster than a real board: when work is to be over, and when bytes have
// come over a line. The times are the caller's, so that tests have a clock of their own.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace ugpt::port::posix {

using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

// How long `units` take at a rate, such as cycles at that of a clock.
[[nodiscard]] constexpr Duration duration_of(std::uint64_t units, std::uint64_t per_s) {
    constexpr std::uint64_t kNsPerS = 1'000'000'000;
    return Duration(units / per_s * kNsPerS + units % per_s * kNsPerS / per_s);
}

// Work that takes its time. A wait that ends late makes the next ones shorter, so that the rate is
// right on average.
class WorkPace {
  public:
    // When work that began at `begun` is to be over, if it takes `cost`.
    [[nodiscard]] Time end_of_work(Time begun, Duration cost) {
        end_ = begun - late_ + cost;
        return end_;
    }
    // Tells when it was over.
    void ended(Time now) { late_ = std::clamp(now - end_, Duration::zero(), kMostLate); }

  private:
    // What a computer that has stood still need not catch up with.
    static constexpr Duration kMostLate = std::chrono::milliseconds(100);
    Time end_;
    Duration late_{};
};

// One direction of a line. Bytes follow each other at the rate, or begin when the line was idle.
class LinePace {
  public:
    static constexpr std::uint64_t kBitsPerByte = 10;  // with start and stop bit

    explicit LinePace(std::uint32_t baud) : baud_(baud) {}
    void set_baud(std::uint32_t baud) { baud_ = baud; }
    // Nothing was on its way until `now`.
    void idle(Time now) { busy_until_ = std::max(busy_until_, now); }
    // How many bytes have come since the last ones, if the line was never idle.
    [[nodiscard]] std::size_t bytes_by(Time now) const {
        if (now <= busy_until_) return 0;
        const auto ns = static_cast<std::uint64_t>((now - busy_until_).count());
        return static_cast<std::size_t>(ns / 1000 * baud_ / (1'000'000 * kBitsPerByte));
    }
    // Takes the line for so many bytes; returns when the last one has come.
    Time carry(std::size_t bytes) {
        busy_until_ += duration_of(bytes * kBitsPerByte, baud_);
        return busy_until_;
    }

  private:
    std::uint32_t baud_;
    Time busy_until_{};
};

}  // namespace ugpt::port::posix

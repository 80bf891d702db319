#include "port/posix/platform.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "port/flash_rate.h"

namespace ugpt::port::posix {
namespace {

// A chip's memory holds anything after a start, and firmware that forgets to set a value shows it.
constexpr std::byte kUnset{0xA5};
constexpr std::size_t kBlockAlignment = 64;

}  // namespace

void ThreadSignal::set() {
    {
        const std::lock_guard lock(mutex_);
        set_ = true;
    }
    changed_.notify_one();
}

void ThreadSignal::wait(std::uint32_t timeout_ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return set_; });
    set_ = false;
}

void MemoryLog::write(LogLevel level, std::string_view text) {
    LogLine line;
    line.level = level;
    line.size = static_cast<std::uint8_t>(std::min(text.size(), LogLine::kMaxBytes));
    std::copy_n(text.begin(), line.size, line.text.begin());
    const std::lock_guard lock(mutex_);
    if (lines_.size() == kMaxLines) lines_.pop_front();
    lines_.push_back(line);
}

bool MemoryLog::read(LogLine& line) {
    const std::lock_guard lock(mutex_);
    if (lines_.empty()) return false;
    line = lines_.front();
    lines_.pop_front();
    return true;
}

HostPlatform::HostPlatform(const Board& board, std::uint64_t device_id, bool paced,
                           std::function<void()> restart)
    : paced_(paced), restart_(std::move(restart)) {
    chip_.name = board.chip;
    chip_.board = board.name;
    chip_.virtual_device = true;
    chip_.cores = board.cores;
    chip_.device_id = device_id;
    chip_.flash_bytes = board.flash_bytes;
    chip_.flash_mode = board.flash_mode;
    chip_.flash_hz = board.flash_hz;
    chip_.flash_bytes_per_s = flash_bytes_per_s(board.chip, board.flash_mode, board.flash_hz);
    chip_.estimated = board.estimated;
    chip_.cost_hz = board.clock_hz;
    if (paced) {
        chip_.clock_hz = board.clock_hz;
        chip_.baud_max = board.baud_max;
    }
    for (const BoardMemory& memory : board.memory) {
        blocks_.push_back(take_memory(memory.size_bytes));
        kinds_.push_back(memory.kind);
    }
    word_memory_ = take_memory(board.word_memory_bytes);
}

std::span<std::byte> HostPlatform::take_memory(std::size_t size) {
    auto& memory = memory_.emplace_back(size + kBlockAlignment, kUnset);
    void* start = memory.data();
    std::size_t room = memory.size();
    std::align(kBlockAlignment, size, start, room);
    return {static_cast<std::byte*>(start), size};
}

std::span<const std::span<std::byte>> HostPlatform::memory_blocks() {
    return blocks_;
}

std::uint64_t HostPlatform::now_us() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

std::uint32_t HostPlatform::ticks() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

std::uint32_t HostPlatform::entropy() {
    return std::random_device{}();
}

void HostPlatform::spend(std::uint64_t cycles, std::uint64_t since_us) {
    if (!paced_) return;
    const Time begun{std::chrono::microseconds(since_us)};
    take_time(begun, duration_of(cycles, chip_.clock_hz));
}

void HostPlatform::take_time(Time begun, Duration cost) {
    std::unique_lock lock(mutex_);
    stopping_.wait_until(lock, pace_.end_of_work(begun, cost), [this] { return stopped_; });
    pace_.ended(std::chrono::steady_clock::now());
}

void HostPlatform::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    stopping_.notify_one();
}

}  // namespace ugpt::port::posix

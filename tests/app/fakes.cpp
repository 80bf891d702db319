#include "app/fakes.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ugpt::test {

MemoryFlash::MemoryFlash(std::uint32_t region_bytes) {
    for (auto& region : regions_) region.assign(region_bytes, std::byte{0xFF});
}

std::uint32_t MemoryFlash::size_bytes(port::Region region) const {
    return static_cast<std::uint32_t>(regions_[static_cast<std::size_t>(region)].size());
}

bool MemoryFlash::spend_one() {
    if (budget == 0) throw PowerCut{};
    if (budget != UINT64_MAX) --budget;
    return written++ < freeze_after;
}

bool MemoryFlash::read(port::Region region, std::uint32_t offset, std::span<std::byte> out) {
    const auto& bytes = regions_[static_cast<std::size_t>(region)];
    if (offset > bytes.size() || out.size() > bytes.size() - offset) return false;
    std::copy_n(bytes.begin() + offset, out.size(), out.begin());
    return true;
}

bool MemoryFlash::write(port::Region region, std::uint32_t offset, std::span<const std::byte> in) {
    auto& bytes = regions_[static_cast<std::size_t>(region)];
    if (failing || offset > bytes.size() || in.size() > bytes.size() - offset) return false;
    for (std::size_t i = 0; i < in.size(); ++i) {
        if (spend_one() && !broken && offset + i < lost_from) bytes[offset + i] &= in[i];
    }
    return true;
}

bool MemoryFlash::erase(port::Region region, std::uint32_t offset, std::uint32_t size) {
    auto& bytes = regions_[static_cast<std::size_t>(region)];
    if (failing || (offset | size) % kSectorBytes != 0 || offset + size > bytes.size())
        return false;
    for (std::uint32_t at = offset; at < offset + size; at += kSectorBytes) {
        if (spend_one()) std::fill_n(bytes.begin() + at, kSectorBytes, std::byte{0xFF});
    }
    return true;
}

std::size_t QueueSerial::read(std::span<std::uint8_t> out) {
    const std::lock_guard lock(mutex_);
    const std::size_t count = std::min(out.size(), to_device_.size());
    std::copy_n(to_device_.begin(), count, out.begin());
    to_device_.erase(to_device_.begin(), to_device_.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
}

void QueueSerial::write(std::span<const std::uint8_t> bytes) {
    {
        const std::lock_guard lock(mutex_);
        from_device_.insert(from_device_.end(), bytes.begin(), bytes.end());
        sent_bytes_ += bytes.size();
    }
    changed_.notify_all();
}

void QueueSerial::wait(std::uint32_t timeout_ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                      [this] { return woken_ || !to_device_.empty(); });
    woken_ = false;
}

void QueueSerial::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_all();
}

bool QueueSerial::set_baud(std::uint32_t baud) {
    const std::lock_guard lock(mutex_);
    if (!takes_bauds) return false;
    bauds_.push_back(baud);
    return true;
}

void QueueSerial::deliver(std::span<const std::uint8_t> bytes) {
    {
        const std::lock_guard lock(mutex_);
        to_device_.insert(to_device_.end(), bytes.begin(), bytes.end());
    }
    changed_.notify_all();
}

std::vector<std::uint8_t> QueueSerial::collect(std::uint32_t timeout_ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                      [this] { return !from_device_.empty(); });
    return std::exchange(from_device_, {});
}

std::vector<std::uint32_t> QueueSerial::bauds() {
    const std::lock_guard lock(mutex_);
    return bauds_;
}

std::size_t QueueSerial::sent_bytes() {
    const std::lock_guard lock(mutex_);
    return sent_bytes_;
}

void FakeSignal::set() {
    {
        const std::lock_guard lock(mutex_);
        set_ = true;
    }
    changed_.notify_one();
}

void FakeSignal::wait(std::uint32_t timeout_ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return set_; });
    set_ = false;
}

void FakeLog::write(port::LogLevel level, std::string_view text) {
    port::LogLine line;
    line.level = level;
    line.size = static_cast<std::uint8_t>(std::min(text.size(), port::LogLine::kMaxBytes));
    std::copy_n(text.begin(), line.size, line.text.begin());
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
}

bool FakeLog::read(port::LogLine& line) {
    const std::lock_guard lock(mutex_);
    if (lines_.empty()) return false;
    line = lines_.front();
    lines_.pop_front();
    return true;
}

FakePlatform::FakePlatform(std::vector<std::size_t> block_sizes) {
    for (const std::size_t size : block_sizes) {
        auto& lines = memory_.emplace_back((size + sizeof(Line) - 1) / sizeof(Line));
        blocks_.emplace_back(reinterpret_cast<std::byte*>(lines.data()), size);
        std::fill(blocks_.back().begin(), blocks_.back().end(), std::byte{0xA5});
    }
}

std::span<const std::span<std::byte>> FakePlatform::memory_blocks() {
    return blocks_;
}

std::uint64_t FakePlatform::now_us() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace ugpt::test

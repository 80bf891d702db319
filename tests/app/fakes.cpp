#include "app/fakes.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ugpt::test {

MemoryFlash::MemoryFlash(std::uint32_t region_bytes) {
    Line erased;
    erased.bytes.fill(std::byte{0xFF});
    for (auto& region : regions_) region.assign(region_bytes / sizeof(Line), erased);
}

std::uint32_t MemoryFlash::size_bytes(port::Region region) const {
    return static_cast<std::uint32_t>(regions_[static_cast<std::size_t>(region)].size() *
                                      sizeof(Line));
}

std::span<std::byte> MemoryFlash::bytes_of(port::Region region) {
    return std::as_writable_bytes(std::span(regions_[static_cast<std::size_t>(region)]));
}

std::span<const std::byte> MemoryFlash::mapped(port::Region region) {
    return bytes_of(region);
}

void MemoryFlash::close_gate(std::optional<port::Region> region) {
    const std::lock_guard lock(gate_mutex_);
    gate_closed_ = true;
    gate_region_ = region;
}

void MemoryFlash::open_gate() {
    {
        const std::lock_guard lock(gate_mutex_);
        gate_closed_ = false;
    }
    gate_changed_.notify_all();
}

bool MemoryFlash::wait_at_gate(std::uint32_t patience_ms) {
    std::unique_lock lock(gate_mutex_);
    return gate_changed_.wait_for(lock, std::chrono::milliseconds(patience_ms),
                                  [this] { return at_gate_; });
}

void MemoryFlash::pass_gate(port::Region region) {
    std::unique_lock lock(gate_mutex_);
    if (!gate_closed_ || gate_region_.value_or(region) != region) return;
    at_gate_ = true;
    gate_changed_.notify_all();
    gate_changed_.wait(lock, [this] { return !gate_closed_; });
    at_gate_ = false;
}

bool MemoryFlash::spend_one() {
    if (budget == 0) throw PowerCut{};
    if (budget != UINT64_MAX) --budget;
    return written++ < freeze_after;
}

bool MemoryFlash::read(port::Region region, std::uint32_t offset, std::span<std::byte> out) {
    pass_gate(region);
    const std::span<const std::byte> bytes = bytes_of(region);
    if (offset > bytes.size() || out.size() > bytes.size() - offset) return false;
    std::copy_n(bytes.begin() + offset, out.size(), out.begin());
    return reads_until_failure-- != 0;
}

bool MemoryFlash::write(port::Region region, std::uint32_t offset, std::span<const std::byte> in) {
    pass_gate(region);
    const std::span<std::byte> bytes = bytes_of(region);
    if (failing || offset > bytes.size() || in.size() > bytes.size() - offset) return false;
    for (std::size_t i = 0; i < in.size(); ++i) {
        if (spend_one() && !broken && offset + i < lost_from) bytes[offset + i] &= in[i];
    }
    return true;
}

bool MemoryFlash::erase(port::Region region, std::uint32_t offset, std::uint32_t size) {
    pass_gate(region);
    const std::span<std::byte> bytes = bytes_of(region);
    if (failing || (offset | size) % kSectorBytes != 0 || offset + size > bytes.size())
        return false;
    for (std::uint32_t at = offset; at < offset + size; at += kSectorBytes) {
        if (spend_one()) std::fill_n(bytes.begin() + at, kSectorBytes, std::byte{0xFF});
    }
    return true;
}

void ManualClock::advance_ms(std::uint64_t duration_ms) {
    change([&] { now_us_ += 1000 * duration_ms; });
}

void ManualClock::wait(std::uint32_t timeout_ms, const std::function<bool()>& ready) {
    std::unique_lock lock(mutex_);
    const Waiter waiter{now_us_ + 1000ull * timeout_ms, ready};
    waiters_.push_back(&waiter);
    changed_.notify_all();  // a test may wait for this
    changed_.wait(lock, [&] { return ended(waiter); });
    std::erase(waiters_, &waiter);
}

bool ManualClock::wait_for_device(std::uint32_t patience_ms, const std::function<bool()>& ready) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(patience_ms), ready);
}

void ManualClock::change(const std::function<void()>& act) {
    {
        const std::lock_guard lock(mutex_);
        act();
    }
    changed_.notify_all();
}

bool ManualClock::rest(std::size_t tasks) const {
    return waiters_.size() == tasks &&
           std::ranges::none_of(waiters_, [this](const Waiter* each) { return ended(*each); });
}

bool ManualClock::settle(std::uint32_t patience_ms, std::size_t held_tasks) {
    return wait_for_device(patience_ms, [&] { return rest(kTasks - held_tasks); });
}

bool ManualClock::at_rest() {
    const std::lock_guard lock(mutex_);
    return rest(kTasks);
}

std::size_t QueueSerial::read(std::span<std::uint8_t> out) {
    std::size_t count = 0;
    clock_.change([&] {
        count = std::min(out.size(), to_device_.size());
        const auto end = to_device_.begin() + static_cast<std::ptrdiff_t>(count);
        std::copy(to_device_.begin(), end, out.begin());
        to_device_.erase(to_device_.begin(), end);
    });
    return count;
}

void QueueSerial::write(std::span<const std::uint8_t> bytes) {
    clock_.change([&] {
        from_device_.insert(from_device_.end(), bytes.begin(), bytes.end());
        sent_bytes_ += bytes.size();
    });
}

void QueueSerial::wait(std::uint32_t timeout_ms) {
    clock_.wait(timeout_ms, [this] { return woken_ || !to_device_.empty(); });
    clock_.change([this] { woken_ = false; });
}

void QueueSerial::wake() {
    clock_.change([this] { woken_ = true; });
}

bool QueueSerial::set_baud(std::uint32_t baud) {
    if (!takes_bauds) return false;
    clock_.change([&] { bauds_.push_back(baud); });
    return true;
}

void QueueSerial::deliver(std::span<const std::uint8_t> bytes) {
    clock_.change([&] { to_device_.insert(to_device_.end(), bytes.begin(), bytes.end()); });
}

std::vector<std::uint8_t> QueueSerial::collect(std::uint32_t patience_ms) {
    clock_.wait_for_device(patience_ms, [this] { return !from_device_.empty(); });
    std::vector<std::uint8_t> collected;
    clock_.change([&] { collected = std::exchange(from_device_, {}); });
    return collected;
}

std::vector<std::uint32_t> QueueSerial::bauds() {
    std::vector<std::uint32_t> copy;
    clock_.change([&] { copy = bauds_; });
    return copy;
}

std::size_t QueueSerial::sent_bytes() {
    std::size_t copy = 0;
    clock_.change([&] { copy = sent_bytes_; });
    return copy;
}

void FakeSignal::set() {
    clock_.change([this] { set_ = true; });
}

void FakeSignal::wait(std::uint32_t timeout_ms) {
    clock_.wait(timeout_ms, [this] { return set_; });
    clock_.change([this] { set_ = false; });
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

FakePlatform::FakePlatform(const ManualClock& clock, std::vector<std::size_t> block_sizes)
    : clock_(clock) {
    for (const std::size_t size : block_sizes) {
        auto& lines = memory_.emplace_back((size + sizeof(Line) - 1) / sizeof(Line));
        blocks_.emplace_back(reinterpret_cast<std::byte*>(lines.data()), size);
        std::fill(blocks_.back().begin(), blocks_.back().end(), std::byte{0xA5});
    }
}

std::span<const std::span<std::byte>> FakePlatform::memory_blocks() {
    return blocks_;
}

}  // namespace ugpt::test

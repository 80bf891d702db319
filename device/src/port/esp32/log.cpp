#include "port/esp32/log.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace ugpt::port::esp32 {
namespace {

LogLevel level_of(std::string_view line) {
    if (line.starts_with("E (")) return LogLevel::error;
    if (line.starts_with("W (")) return LogLevel::warning;
    return LogLevel::info;
}

}  // namespace

void RingLog::write(LogLevel level, std::string_view text) {
    const std::size_t size = std::min(text.size(), LogLine::kMaxBytes);
    portENTER_CRITICAL(&lock_);
    LogLine& line = lines_[(oldest_ + count_) % lines_.size()];
    if (count_ == lines_.size())
        oldest_ = (oldest_ + 1) % lines_.size();
    else
        ++count_;
    line.level = level;
    line.size = static_cast<std::uint8_t>(size);
    std::copy_n(text.begin(), size, line.text.begin());
    portEXIT_CRITICAL(&lock_);
}

bool RingLog::read(LogLine& line) {
    portENTER_CRITICAL(&lock_);
    const bool any = count_ > 0;
    if (any) {
        line = lines_[oldest_];
        oldest_ = (oldest_ + 1) % lines_.size();
        --count_;
    }
    portEXIT_CRITICAL(&lock_);
    return any;
}

int RingLog::take_formatted(const char* format, va_list arguments) {
    std::array<char, LogLine::kMaxBytes + 1> text;
    const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
    if (length <= 0) return length;
    std::string_view line(text.data(),
                          std::min(static_cast<std::size_t>(length), LogLine::kMaxBytes));
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) write(level_of(line), line);
    return length;
}

}  // namespace ugpt::port::esp32

// Log lines on their way to the host.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <span>
#include <string_view>

#include "freertos/FreeRTOS.h"
#include "port/port.h"

namespace ugpt::port::esp32 {

class RingLog : public Log {
  public:
    explicit RingLog(std::span<LogLine> lines) : lines_(lines) {}

    void write(LogLevel level, std::string_view text) override;
    bool read(LogLine& line) override;

    // Takes a line that ESP-IDF has put together, with the signature of vprintf: its first letter
    // says how serious it is. Returns its length.
    int take_formatted(const char* format, va_list arguments);

  private:
    std::span<LogLine> lines_;
    std::size_t oldest_ = 0;
    std::size_t count_ = 0;
    // Both cores write. A line is copied in about a microsecond, less than a lock that can block.
    portMUX_TYPE lock_ = portMUX_INITIALIZER_UNLOCKED;
};

}  // namespace ugpt::port::esp32

// The link over UART0, the port that a board's USB bridge is wired to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "port/port.h"

namespace ugpt::port::esp32 {

class UartSerial : public Serial {
  public:
    // `receive_bytes` is what the host may have under way at once. To be made by the link task:
    // its core gets the interrupt, and the watchdog watches it from now on.
    UartSerial(std::size_t receive_bytes, std::uint32_t baud);
    UartSerial(const UartSerial&) = delete;
    UartSerial& operator=(const UartSerial&) = delete;

    std::size_t read(std::span<std::uint8_t> out) override;
    void write(std::span<const std::uint8_t> bytes) override;
    void wait(std::uint32_t timeout_ms) override;
    void wake() override;
    void flush() override;
    bool set_baud(std::uint32_t baud) override;

  private:
    QueueHandle_t events_ = nullptr;
};

using LinkSerial = UartSerial;

}  // namespace ugpt::port::esp32

// The link over the chip's own USB port (USB-Serial-JTAG of the S3 and C3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "port/port.h"

namespace ugpt::port::esp32 {

class UsbSerial : public Serial {
  public:
    // `receive_bytes` is what the host may have under way at once. To be made by the link task:
    // its core gets the interrupt, and the watchdog watches it from now on. USB has no rate.
    UsbSerial(std::size_t receive_bytes, std::uint32_t baud);
    UsbSerial(const UsbSerial&) = delete;
    UsbSerial& operator=(const UsbSerial&) = delete;

    std::size_t read(std::span<std::uint8_t> out) override;
    void write(std::span<const std::uint8_t> bytes) override;
    void wait(std::uint32_t timeout_ms) override;
    void wake() override;
    void flush() override;
    bool set_baud(std::uint32_t) override { return true; }

  private:
    // Whether somebody takes what is sent: a cable can be in a charger, and a port closed.
    bool heard_ = true;
};

using LinkSerial = UsbSerial;

}  // namespace ugpt::port::esp32

// Flash that takes the time of a real one.
#pragma once

#include "port/port.h"
#include "port/posix/flash.h"
#include "port/posix/platform.h"

namespace ugpt::port::posix {

// Reading is free: a chip reads through its cache.
class PacedFlash : public Flash {
  public:
    PacedFlash(FileFlash& flash, HostPlatform& platform) : flash_(flash), platform_(platform) {}

    [[nodiscard]] std::uint32_t size_bytes(Region region) const override {
        return flash_.size_bytes(region);
    }
    bool read(Region region, std::uint32_t offset, std::span<std::byte> out) override {
        return flash_.read(region, offset, out);
    }
    bool write(Region region, std::uint32_t offset, std::span<const std::byte> bytes) override {
        const Time begun = std::chrono::steady_clock::now();
        const std::uint32_t first = offset / kPageBytes;
        const auto end =
            static_cast<std::uint32_t>((offset + bytes.size() + kPageBytes - 1) / kPageBytes);
        if (!flash_.write(region, offset, bytes)) return false;
        if (!bytes.empty()) platform_.take_time(begun, (end - first) * kProgram);
        return true;
    }
    bool erase(Region region, std::uint32_t offset, std::uint32_t size_bytes) override {
        const Time begun = std::chrono::steady_clock::now();
        if (!flash_.erase(region, offset, size_bytes)) return false;
        platform_.take_time(begun, size_bytes / kSectorBytes * kErase);
        return true;
    }
    // Free as well.
    [[nodiscard]] std::span<const std::byte> mapped(Region region) override {
        return flash_.mapped(region);
    }

  private:
    // Typical of serial flash of 4 MiB; the data sheets of its makers differ.
    static constexpr std::uint32_t kPageBytes = 256;
    static constexpr Duration kProgram = std::chrono::microseconds(700);
    static constexpr Duration kErase = std::chrono::milliseconds(45);  // a sector

    FileFlash& flash_;
    HostPlatform& platform_;
};

}  // namespace ugpt::port::posix

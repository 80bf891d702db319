// The flash of a virtual device: a file that behaves like NOR flash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "port/port.h"

namespace ugpt::port::posix {

// Sizes of the regions, in the order of port::Region.
using FlashLayout = std::array<std::uint32_t, port::kRegionCount>;

class FileFlash : public Flash {
  public:
    ~FileFlash() override;
    FileFlash(const FileFlash&) = delete;
    FileFlash& operator=(const FileFlash&) = delete;

    // Opens or creates the file; nullptr and a filled `error` where that fails or another device
    // has it open.
    static std::unique_ptr<FileFlash> open(const std::string& path, const FlashLayout& layout,
                                           std::string& error);

    // Cuts the power: the process ends at once when so many bytes have been written or erased.
    void cut_power_after(std::uint64_t bytes) { bytes_left_ = bytes; }

    [[nodiscard]] std::uint32_t size_bytes(Region region) const override;
    bool read(Region region, std::uint32_t offset, std::span<std::byte> out) override;
    bool write(Region region, std::uint32_t offset, std::span<const std::byte> bytes) override;
    bool erase(Region region, std::uint32_t offset, std::uint32_t size_bytes) override;

  private:
    FileFlash(int fd, const FlashLayout& layout) : fd_(fd), layout_(layout) {}
    [[nodiscard]] bool inside(Region region, std::uint32_t offset, std::size_t size) const;
    [[nodiscard]] std::int64_t position(Region region, std::uint32_t offset) const;
    bool store(std::int64_t position, std::span<const std::byte> bytes);

    int fd_;
    FlashLayout layout_;
    std::uint64_t bytes_left_ = UINT64_MAX;
};

}  // namespace ugpt::port::posix

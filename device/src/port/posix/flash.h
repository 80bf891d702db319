// The flash of a virtual device: a file that behaves like NOR flash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "port/port.h"

namespace ugpt::port::posix {

// The regions of device/partitions.csv one after the other, in the order of their numbers. What the
// file is too short for reads as erased.
class FileFlash : public Flash {
  public:
    ~FileFlash() override;
    FileFlash(const FileFlash&) = delete;
    FileFlash& operator=(const FileFlash&) = delete;

    // Opens or creates the file; nullptr and a filled `error` if that fails, another device has it
    // open, or it holds something else, which is left as it is. Without a path it is one in memory,
    // which ends with the process.
    static std::unique_ptr<FileFlash> open(const std::string& path, std::string& error);

    // The device's own number, drawn when the file is made: what a MAC address is to a chip.
    [[nodiscard]] std::uint64_t device_id() const { return device_id_; }

    // Writes down from now on what is written and erased, a line each: "write REGION OFFSET BYTES"
    // or "erase REGION OFFSET BYTES". False and a filled `error` if the file cannot be written.
    bool log_to(const std::string& path, std::string& error);

    // Is flashed with another partition table: the region of that label has only so many bytes, and
    // 0 for one that the table lacks. False if there is no such region, or it is smaller than that.
    bool shrink(std::string_view label, std::uint32_t size_bytes);

    // Cuts the power: the process ends at once when so many bytes have been written or erased.
    void cut_power_after(std::uint64_t bytes) { bytes_left_ = bytes; }

    [[nodiscard]] std::uint32_t size_bytes(Region region) const override;
    bool read(Region region, std::uint32_t offset, std::span<std::byte> out) override;
    bool write(Region region, std::uint32_t offset, std::span<const std::byte> bytes) override;
    bool erase(Region region, std::uint32_t offset, std::uint32_t size_bytes) override;
    [[nodiscard]] std::span<const std::byte> mapped(Region region) override;

  private:
    explicit FileFlash(int fd);
    [[nodiscard]] bool holds_flash() const;
    [[nodiscard]] bool begins_like_a_region(std::int64_t position) const;
    bool load_device_id();
    bool read_at(std::int64_t position, std::span<std::byte> out) const;
    [[nodiscard]] bool inside(Region region, std::uint32_t offset, std::size_t size) const;
    [[nodiscard]] std::int64_t position(Region region, std::uint32_t offset) const;
    bool fill_up_to(std::int64_t position);
    bool store(std::int64_t position, std::span<const std::byte> bytes);

    bool note(const char* act, Region region, std::uint32_t offset, std::size_t size);

    int fd_;
    int log_fd_ = -1;
    void* whole_ = nullptr;  // all regions as memory, once one of them is wanted so
    std::array<std::uint32_t, kRegionCount> sizes_bytes_{};
    std::uint64_t device_id_ = 0;
    std::uint64_t bytes_left_ = UINT64_MAX;
};

}  // namespace ugpt::port::posix

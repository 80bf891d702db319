// The regions of the flash: partitions found by type and subtype, as device/partitions.csv has
// them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "esp_partition.h"
#include "port/port.h"

namespace ugpt::port::esp32 {

// A region whose partition is missing has no bytes. Nothing outside the partitions of our own type
// can be reached, so neither the application nor the bootloader can be written over.
class PartitionFlash : public Flash {
  public:
    PartitionFlash();

    [[nodiscard]] std::uint32_t size_bytes(Region region) const override;
    bool read(Region region, std::uint32_t offset, std::span<std::byte> out) override;
    bool write(Region region, std::uint32_t offset, std::span<const std::byte> bytes) override;
    bool erase(Region region, std::uint32_t offset, std::uint32_t size_bytes) override;
    // A partition begins at a sector, and so at a multiple of 64 bytes.
    [[nodiscard]] std::span<const std::byte> mapped(Region region) override {
        return {find(region).mapped, size_bytes(region)};
    }

  private:
    struct Place {
        const esp_partition_t* partition = nullptr;  // nullptr: there is none
        const std::byte* mapped = nullptr;           // its bytes, as the cache shows them
    };

    [[nodiscard]] const Place& find(Region region) const {
        return places_[static_cast<std::size_t>(region)];
    }

    std::array<Place, kRegionCount> places_{};
};

}  // namespace ugpt::port::esp32

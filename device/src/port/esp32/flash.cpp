#include "port/esp32/flash.h"

namespace ugpt::port::esp32 {
namespace {

// The first of the types that ESP-IDF leaves to applications.
constexpr auto kPartitionType = static_cast<esp_partition_type_t>(0x40);

// In the order of Region.
constexpr std::array<const char*, kRegionCount> kLabels{
    "checkpoint_a", "checkpoint_b", "settings_a", "settings_b", "curve", "data"};

}  // namespace

PartitionFlash::PartitionFlash() {
    for (std::size_t i = 0; i < kRegionCount; ++i)
        partitions_[i] =
            esp_partition_find_first(kPartitionType, ESP_PARTITION_SUBTYPE_ANY, kLabels[i]);
}

std::uint32_t PartitionFlash::size_bytes(Region region) const {
    const esp_partition_t* partition = find(region);
    return partition == nullptr ? 0 : partition->size;
}

bool PartitionFlash::read(Region region, std::uint32_t offset, std::span<std::byte> out) {
    const esp_partition_t* partition = find(region);
    return partition != nullptr &&
           esp_partition_read(partition, offset, out.data(), out.size()) == ESP_OK;
}

bool PartitionFlash::write(Region region, std::uint32_t offset,
                           std::span<const std::byte> bytes) {
    const esp_partition_t* partition = find(region);
    return partition != nullptr &&
           esp_partition_write(partition, offset, bytes.data(), bytes.size()) == ESP_OK;
}

// Sector by sector: between two of them the other core runs again, which it could not during the
// second that the erasing of a larger block can take.
bool PartitionFlash::erase(Region region, std::uint32_t offset, std::uint32_t size_bytes) {
    const esp_partition_t* partition = find(region);
    if (partition == nullptr || (offset | size_bytes) % kSectorBytes != 0) return false;
    for (std::uint32_t done = 0; done < size_bytes; done += kSectorBytes)
        if (esp_partition_erase_range(partition, offset + done, kSectorBytes) != ESP_OK)
            return false;
    return true;
}

}  // namespace ugpt::port::esp32

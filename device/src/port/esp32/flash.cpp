#include "port/esp32/flash.h"

#include <algorithm>

#include "esp_err.h"

namespace ugpt::port::esp32 {
namespace {

// The first of the types that ESP-IDF leaves to applications.
constexpr auto kPartitionType = static_cast<esp_partition_type_t>(kRegionType);

}  // namespace

// Reading through the cache costs a memory access; by command it would stop the other core for as
// long as it takes, at every document of a run that needs no host. ESP-IDF keeps the cache in step
// with what it writes.
PartitionFlash::PartitionFlash() {
    for (std::size_t i = 0; i < kRegionCount; ++i) {
        Place& place = places_[i];
        place.partition = esp_partition_find_first(
            kPartitionType, static_cast<esp_partition_subtype_t>(i), nullptr);
        if (place.partition == nullptr) continue;
        const void* first = nullptr;
        esp_partition_mmap_handle_t handle = 0;
        ESP_ERROR_CHECK(esp_partition_mmap(place.partition, 0, place.partition->size,
                                           ESP_PARTITION_MMAP_DATA, &first, &handle));
        place.mapped = static_cast<const std::byte*>(first);
    }
}

std::uint32_t PartitionFlash::size_bytes(Region region) const {
    const Place& place = find(region);
    return place.partition == nullptr ? 0 : place.partition->size;
}

bool PartitionFlash::read(Region region, std::uint32_t offset, std::span<std::byte> out) {
    const std::uint32_t size = size_bytes(region);
    if (offset > size || out.size() > size - offset) return false;
    std::copy_n(find(region).mapped + offset, out.size(), out.begin());
    return true;
}

bool PartitionFlash::write(Region region, std::uint32_t offset, std::span<const std::byte> bytes) {
    const Place& place = find(region);
    return place.partition != nullptr &&
           esp_partition_write(place.partition, offset, bytes.data(), bytes.size()) == ESP_OK;
}

// Sector by sector: between two of them the other core runs again, which it could not during the
// second that the erasing of a larger block can take.
bool PartitionFlash::erase(Region region, std::uint32_t offset, std::uint32_t size_bytes) {
    const Place& place = find(region);
    if (place.partition == nullptr || (offset | size_bytes) % kSectorBytes != 0) return false;
    for (std::uint32_t done = 0; done < size_bytes; done += kSectorBytes)
        if (esp_partition_erase_range(place.partition, offset + done, kSectorBytes) != ESP_OK)
            return false;
    return true;
}

}  // namespace ugpt::port::esp32

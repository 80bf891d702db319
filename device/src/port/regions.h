// Generated from device/partitions.csv by device/regions.py. Do not edit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ugpt::port {

// Regions of the flash. The number of a region is the subtype of its partition.
enum class Region : std::uint8_t {
    checkpoint_a,  // One of two checkpoints, written in turn.
    checkpoint_b,  // The other checkpoint.
    settings_a,    // What the board does by itself; one of two copies.
    settings_b,    // The other copy of the settings.
    loss_history,  // The losses of a run that needs no host.
    documents,     // The documents of a run that needs no host.
    model,         // A pretrained model.
};
inline constexpr std::size_t kRegionCount = 7;
inline constexpr std::uint8_t kRegionType = 0x40;

struct RegionInfo {
    const char* label;
    std::uint32_t offset;
    std::uint32_t size_bytes;
};

inline constexpr std::array<RegionInfo, kRegionCount> kRegions{{
    {"checkpoint_a", 0x110000, 0x70000},
    {"checkpoint_b", 0x180000, 0x70000},
    {"settings_a", 0x3f0000, 0x1000},
    {"settings_b", 0x3f1000, 0x1000},
    {"loss_history", 0x1f0000, 0x20000},
    {"documents", 0x210000, 0xd0000},
    {"model", 0x2e0000, 0x110000},
}};

}  // namespace ugpt::port

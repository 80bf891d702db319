#include "port/esp32/tensor_memory.h"

#include <algorithm>

#include "esp_heap_caps.h"
#include "heap_memory_layout.h"
#include "sdkconfig.h"

namespace ugpt::port::esp32 {
namespace {

#if CONFIG_IDF_TARGET_ESP32
// The heap rounds large requests up to its size classes, 8 KiB at this size. So the two blocks are
// left out of the heap when the firmware is linked, and their sizes are the same in every build.
// ESP-IDF refuses to start if static data reaches into them. docs/memory.md has the map.
constexpr std::uintptr_t kDramEnd = 0x3FFE0000;
constexpr std::uintptr_t kDramBlock = kDramEnd - 168 * 1024;
constexpr std::uintptr_t kDiramBlock = 0x3FFE4350;  // behind the data of the ROM of core 1
constexpr std::uintptr_t kDiramEnd = 0x40000000;
SOC_RESERVE_MEMORY_REGION(kDramBlock, kDramEnd, tensors_dram);
SOC_RESERVE_MEMORY_REGION(kDiramBlock, kDiramEnd, tensors_diram);
#else
// For what is allocated afterwards: the trainer's stack, and what drivers take for a while.
constexpr std::size_t kHeapReserveBytes = 24 * 1024;
#endif

}  // namespace

void TensorMemory::add(std::byte* first, std::size_t size_bytes) {
    if (count_ < kMaxBlocks && size_bytes > 0) blocks_[count_++] = {first, size_bytes};
}

#if CONFIG_IDF_TARGET_ESP32
TensorMemory::TensorMemory() {
    add(reinterpret_cast<std::byte*>(kDramBlock), kDramEnd - kDramBlock);
    add(reinterpret_cast<std::byte*>(kDiramBlock), kDiramEnd - kDiramBlock);
}
#else
// Takes the largest block that leaves `reserve_bytes` of such memory free.
void TensorMemory::add_largest(std::uint32_t capabilities, std::size_t reserve_bytes) {
    const std::size_t free_bytes = heap_caps_get_free_size(capabilities);
    if (free_bytes <= reserve_bytes) return;
    const std::size_t size =
        std::min(heap_caps_get_largest_free_block(capabilities), free_bytes - reserve_bytes);
    add(static_cast<std::byte*>(heap_caps_malloc(size, capabilities)), size);
}

TensorMemory::TensorMemory() {
    add_largest(MALLOC_CAP_8BIT | MALLOC_CAP_INTERNAL, kHeapReserveBytes);
#if CONFIG_SPIRAM
    // Last: what fits into the faster memory goes there.
    add_largest(MALLOC_CAP_8BIT | MALLOC_CAP_SPIRAM, 0);
#endif
}
#endif

}  // namespace ugpt::port::esp32

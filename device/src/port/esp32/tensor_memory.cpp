#include "port/esp32/tensor_memory.h"

#include <algorithm>

#include "esp_heap_caps.h"
#include "heap_memory_layout.h"
#include "port/esp32/helper.h"
#include "sdkconfig.h"

namespace ugpt::port::esp32 {
namespace {

#if CONFIG_IDF_TARGET_ESP32
// The heap rounds large requests up to its size classes, 8 KiB at this size. So the two blocks are
// left out of the heap when the firmware is linked, and their sizes are the same in every build.
// ESP-IDF refuses to start if static data reaches into them. docs/memory.md has the map.
// Behind the data of the ROM of core 1, which ends at 0x3FFE4350, the heap keeps 5 KiB.
constexpr std::uintptr_t kDramEnd = 0x3FFE0000;
constexpr std::uintptr_t kDramBlock = kDramEnd - 168 * 1024;
constexpr std::uintptr_t kDiramBlock = 0x3FFE4350 + 5 * 1024;
constexpr std::uintptr_t kDiramEnd = 0x40000000;
// The arena deals out memory in such steps, and a plan counts from the first: the heap aligns less.
constexpr std::size_t kStep = 16;
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
// Of the heap that code could run from, the largest block is what is left of IRAM: the part of
// D/IRAM that the heap has is smaller.
TensorMemory::TensorMemory() {
    helper_stack_ = {reinterpret_cast<std::byte*>(kDiramBlock), TaskHelper::kStackBytes};
    constexpr std::uintptr_t kDiramTensors = kDiramBlock + TaskHelper::kStackBytes;
    add(reinterpret_cast<std::byte*>(kDramBlock), kDramEnd - kDramBlock);
    add(reinterpret_cast<std::byte*>(kDiramTensors), kDiramEnd - kDiramTensors);
    const std::size_t size = heap_caps_get_largest_free_block(MALLOC_CAP_EXEC);
    if (void* memory = heap_caps_malloc(size, MALLOC_CAP_EXEC); memory != nullptr) {
        const std::size_t skipped = -reinterpret_cast<std::uintptr_t>(memory) % kStep;
        words_ = std::span(static_cast<std::byte*>(memory), size).subspan(skipped);
    }
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
#if !CONFIG_FREERTOS_UNICORE
    constexpr std::uint32_t kStack = MALLOC_CAP_8BIT | MALLOC_CAP_INTERNAL;
    if (void* stack = heap_caps_malloc(TaskHelper::kStackBytes, kStack); stack != nullptr)
        helper_stack_ = {static_cast<std::byte*>(stack), TaskHelper::kStackBytes};
#endif
    add_largest(MALLOC_CAP_8BIT | MALLOC_CAP_INTERNAL, kHeapReserveBytes);
#if CONFIG_SPIRAM
    // Last: what fits into the faster memory goes there.
    add_largest(MALLOC_CAP_8BIT | MALLOC_CAP_SPIRAM, 0);
#endif
}
#endif

}  // namespace ugpt::port::esp32

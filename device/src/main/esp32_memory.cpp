#include "main/esp32_memory.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include "esp_attr.h"
#include "esp_heap_caps.h"
#include "esp_system.h"

namespace ugpt::main {
namespace {

#if CONFIG_IDF_TARGET_ESP32
// The memory of the real-time clock is slow, but a line is slower.
RTC_NOINIT_ATTR std::array<std::uint8_t, app::DeviceMemory::call_bytes(kLimits)> calls;
#endif

void* checked(void* memory) {
    if (memory == nullptr) esp_system_abort("ugpt: the memory is too small for this firmware");
    return memory;
}

void* take(std::size_t size, std::uint32_t capabilities) {
    return checked(heap_caps_malloc(size, capabilities));
}

std::span<std::uint8_t> take_bytes(std::size_t size) {
    return {static_cast<std::uint8_t*>(take(size, MALLOC_CAP_8BIT | MALLOC_CAP_INTERNAL)), size};
}

}  // namespace

app::DeviceMemory take_device_memory() {
#if !CONFIG_IDF_TARGET_ESP32
    const auto calls = take_bytes(app::DeviceMemory::call_bytes(kLimits));
#endif
    const auto scratch = take_bytes(app::DeviceMemory::scratch_bytes(kLimits));
    // The queues keep to whole words: on a plain ESP32 they get memory that allows nothing else.
    void* words = take(sizeof(app::QueueMemory), MALLOC_CAP_32BIT | MALLOC_CAP_INTERNAL);
    return {calls, scratch, *new (words) app::QueueMemory};
}

void* take_device_place() {
    return checked(heap_caps_aligned_alloc(alignof(app::Device), sizeof(app::Device),
                                           MALLOC_CAP_8BIT | MALLOC_CAP_INTERNAL));
}

}  // namespace ugpt::main

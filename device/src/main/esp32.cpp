// The firmware on a chip: everything is made here, once, and the two tasks are started.

#include <array>
#include <cstdarg>
#include <cstddef>
#include <new>
#include <span>

#include "app/device.h"
#include "esp_attr.h"
#include "esp_log.h"
#include "esp_system.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "main/esp32_memory.h"
#include "port/esp32/flash.h"
#include "port/esp32/helper.h"
#include "port/esp32/log.h"
#include "port/esp32/platform.h"
#include "port/esp32/signal.h"
#include "port/esp32/tensor_memory.h"
#include "rpc/frame.h"
#include "rpc/messages.h"
#include "sdkconfig.h"
#if CONFIG_UGPT_LINK_USB_SERIAL_JTAG
#include "port/esp32/serial_usb_jtag.h"
#else
#include "port/esp32/serial_uart.h"
#endif

namespace {

using namespace ugpt;
using main::kLimits;

// What a host that keeps to the window can have sent while the link task is busy.
constexpr std::size_t kReceiveBytes = kLimits.window * rpc::frame_capacity(kLimits.frame_bytes);

// On one core the trainer gets the time that the link leaves.
constexpr UBaseType_t kLinkPriority = 10;
constexpr UBaseType_t kTrainerPriority = 5;
constexpr BaseType_t kTrainerCore = portNUM_PROCESSORS - 1;
// docs/memory.md says how much of it is used.
constexpr std::uint32_t kTrainerStackBytes = 5120;

// As many as the memory of the real-time clock has room for on a plain ESP32.
constexpr std::size_t kLogLines = 12;
RTC_DATA_ATTR std::array<port::LogLine, kLogLines> log_lines;

port::esp32::RingLog& device_log() {
    static port::esp32::RingLog log(log_lines);
    return log;
}

// The other core, if there is one: below the link task, which has that core for itself otherwise.
port::Helper* start_helper(const port::esp32::TensorMemory& memory) {
    const std::span<std::byte> stack = memory.helper_stack();
    if (stack.empty()) return nullptr;
    static_assert(sizeof(StackType_t) == 1);
    static port::esp32::TaskHelper helper(
        0, kTrainerPriority, {reinterpret_cast<StackType_t*>(stack.data()), stack.size()});
    return &helper;
}

void run_trainer(void* device) {
    static_cast<app::Device*>(device)->run_trainer();
}

}  // namespace

// ESP-IDF runs this on core 0, in a task that becomes the link task: it needs no stack beside it.
extern "C" void app_main() {
    vTaskPrioritySet(nullptr, kLinkPriority);
    static port::esp32::LinkSerial serial(kReceiveBytes, rpc::kFirstBaud);
    // From now on the line carries frames; what is logged goes into them.
    esp_log_set_vprintf([](const char* format, va_list arguments) {
        return device_log().take_formatted(format, arguments);
    });
    static port::esp32::PartitionFlash flash;
    static port::esp32::TaskSignal trainer_signal;
    const app::DeviceMemory device_memory = main::take_device_memory();
    void* const device_place = main::take_device_place();
    static port::esp32::TensorMemory memory;  // last: on some chips it takes all but a reserve
    static port::esp32::ChipPlatform platform(memory);
    auto& device = *new (device_place) app::Device(
        {platform, serial, flash, trainer_signal, device_log(), start_helper(memory)}, kLimits,
        device_memory);
    if (xTaskCreatePinnedToCore(run_trainer, "trainer", kTrainerStackBytes, &device,
                                kTrainerPriority, nullptr, kTrainerCore) != pdPASS)
        esp_system_abort("ugpt: no memory for the trainer's stack");
    device.run_link();
}

#include "port/esp32/serial_usb_jtag.h"

#include <algorithm>

#include "driver/usb_serial_jtag.h"
#include "driver/usb_serial_jtag_select.h"
#include "esp_err.h"
#include "esp_task_wdt.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

namespace ugpt::port::esp32 {
namespace {

constexpr std::uint32_t kSendBytes = 2048;
// An open port empties 64 bytes in each millisecond and more.
constexpr TickType_t kWriteTimeout = pdMS_TO_TICKS(500);

// The driver calls back without a context.
TaskHandle_t link_task = nullptr;

void on_received(usj_select_notif_t what, BaseType_t* task_woken) {
    if (what == USJ_SELECT_READ_NOTIF) vTaskNotifyGiveFromISR(link_task, task_woken);
}

}  // namespace

UsbSerial::UsbSerial(std::size_t receive_bytes, std::uint32_t) {
    link_task = xTaskGetCurrentTaskHandle();
    usb_serial_jtag_driver_config_t config{kSendBytes, static_cast<std::uint32_t>(receive_bytes)};
    ESP_ERROR_CHECK(usb_serial_jtag_driver_install(&config));
    usb_serial_jtag_set_select_notif_callback(on_received);
    ESP_ERROR_CHECK(esp_task_wdt_add(nullptr));
}

std::size_t UsbSerial::read(std::span<std::uint8_t> out) {
    esp_task_wdt_reset();
    const int count =
        usb_serial_jtag_read_bytes(out.data(), static_cast<std::uint32_t>(out.size()), 0);
    if (count > 0) heard_ = true;
    return static_cast<std::size_t>(std::max(count, 0));
}

// What nobody takes in time is dropped, as a wire would, and what follows it at once: until a host
// speaks, nobody listens.
void UsbSerial::write(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty() && heard_) {
        const auto part = bytes.first(std::min<std::size_t>(bytes.size(), kSendBytes / 2));
        const int taken = usb_serial_jtag_write_bytes(part.data(), part.size(), kWriteTimeout);
        heard_ = taken > 0;
        bytes = bytes.subspan(static_cast<std::size_t>(std::max(taken, 0)));
    }
}

void UsbSerial::wait(std::uint32_t timeout_ms) {
    esp_task_wdt_reset();
    if (usb_serial_jtag_read_ready()) return;
    ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(timeout_ms));
}

void UsbSerial::wake() {
    xTaskNotifyGive(link_task);
}

void UsbSerial::flush() {
    usb_serial_jtag_wait_tx_done(kWriteTimeout);
}

}  // namespace ugpt::port::esp32

#include "port/esp32/serial_uart.h"

#include <algorithm>

#include "driver/uart.h"
#include "esp_err.h"
#include "esp_intr_alloc.h"
#include "esp_task_wdt.h"

namespace ugpt::port::esp32 {
namespace {

constexpr uart_port_t kPort = UART_NUM_0;

// The FIFO holds 128 bytes. At 921,600 baud this leaves 1 ms to empty it, and the interrupt comes
// 2,600 times a second; the driver's own threshold of 120 would leave 87 us.
constexpr int kFullThreshold = 35;
// A frame's last bytes are handed on after a silence of so many bytes.
constexpr std::uint8_t kSilenceBytes = 3;
constexpr int kEvents = 8;
constexpr TickType_t kFlushTicks = pdMS_TO_TICKS(1000);

}  // namespace

UartSerial::UartSerial(std::size_t receive_bytes, std::uint32_t baud) {
    uart_config_t config{};
    config.baud_rate = static_cast<int>(baud);
    config.data_bits = UART_DATA_8_BITS;
    config.parity = UART_PARITY_DISABLE;
    config.stop_bits = UART_STOP_BITS_1;
    config.flow_ctrl = UART_HW_FLOWCTRL_DISABLE;
    config.source_clk = UART_SCLK_DEFAULT;
    // Without a ring for sending `write` returns when the last bytes are in the FIFO: they keep the
    // line busy for 1.4 ms while the next answer is made, and the ring's memory goes to tensors.
    ESP_ERROR_CHECK(uart_driver_install(kPort, static_cast<int>(receive_bytes), 0, kEvents,
                                        &events_, ESP_INTR_FLAG_IRAM));
    ESP_ERROR_CHECK(uart_param_config(kPort, &config));
    ESP_ERROR_CHECK(uart_set_rx_full_threshold(kPort, kFullThreshold));
    ESP_ERROR_CHECK(uart_set_rx_timeout(kPort, kSilenceBytes));
    ESP_ERROR_CHECK(esp_task_wdt_add(nullptr));
}

std::size_t UartSerial::read(std::span<std::uint8_t> out) {
    esp_task_wdt_reset();
    const int count = uart_read_bytes(kPort, out.data(), out.size(), 0);
    return static_cast<std::size_t>(std::max(count, 0));
}

void UartSerial::write(std::span<const std::uint8_t> bytes) {
    uart_write_bytes(kPort, bytes.data(), bytes.size());
}

void UartSerial::wait(std::uint32_t timeout_ms) {
    esp_task_wdt_reset();
    std::size_t buffered = 0;
    uart_get_buffered_data_len(kPort, &buffered);
    if (buffered > 0) return;
    // Which event it is does not matter: whoever waited looks for bytes and for answers alike.
    uart_event_t event;
    xQueueReceive(events_, &event, pdMS_TO_TICKS(timeout_ms));
}

void UartSerial::wake() {
    const uart_event_t event{UART_EVENT_MAX, 0, false};
    // A full queue wakes just as well.
    xQueueSend(events_, &event, 0);
}

void UartSerial::flush() {
    uart_wait_tx_done(kPort, kFlushTicks);
}

bool UartSerial::set_baud(std::uint32_t baud) {
    flush();
    return uart_set_baudrate(kPort, baud) == ESP_OK;
}

}  // namespace ugpt::port::esp32

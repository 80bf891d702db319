#include "port/esp32/platform.h"

#include <array>

#include "bootloader_random.h"
#include "esp_app_desc.h"
#include "esp_chip_info.h"
#include "esp_cpu.h"
#include "esp_flash.h"
#include "esp_mac.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "port/esp32/flash_reading.h"
#include "port/flash_rate.h"
#include "sdkconfig.h"

namespace ugpt::port::esp32 {
namespace {

std::uint64_t mac_address() {
    std::array<std::uint8_t, 6> mac{};
    if (esp_efuse_mac_get_default(mac.data()) != ESP_OK) return 0;
    std::uint64_t number = 0;
    for (const std::uint8_t byte : mac) number = number << 8 | byte;
    return number;
}

std::uint32_t flash_bytes() {
    std::uint32_t size = 0;
    return esp_flash_get_physical_size(nullptr, &size) == ESP_OK ? size : 0;
}

std::uint16_t revision() {
    esp_chip_info_t info{};
    esp_chip_info(&info);
    return info.revision;
}

}  // namespace

ChipPlatform::ChipPlatform(const TensorMemory& memory) : memory_(memory) {
    chip_.name = CONFIG_IDF_TARGET;
    chip_.board = CONFIG_UGPT_BOARD;
    chip_.cores = SOC_CPU_CORES_NUM;
    chip_.clock_hz = CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ * 1'000'000u;
#if CONFIG_IDF_TARGET_ESP32 || CONFIG_IDF_TARGET_ESP32S3
    chip_.cost_hz = chip_.clock_hz;
#endif
    const FlashReading reading = flash_reading();
    chip_.flash_mode = reading.mode;
    chip_.flash_hz = reading.hz;
    chip_.flash_bytes_per_s = flash_bytes_per_s(chip_.name, reading.mode, reading.hz);
    chip_.revision = revision();
    chip_.image_sha256 = esp_app_get_description()->app_elf_sha256;
    chip_.baud_max = CONFIG_UGPT_BAUD_MAX;
    chip_.tick_hz = chip_.clock_hz;
    chip_.device_id = mac_address();
    chip_.flash_bytes = flash_bytes();
}

#if SOC_TEMP_SENSOR_SUPPORTED
// Not before the first look: `entropy`, which is for the start, uses the same converter.
std::optional<float> ChipPlatform::temperature_c() {
    if (!sensor_tried_) {
        sensor_tried_ = true;
        temperature_sensor_config_t config{};
        config.range_min = -10;
        config.range_max = 80;  // of the five ranges the one with the smallest error
        config.clk_src = TEMPERATURE_SENSOR_CLK_SRC_DEFAULT;
        if (temperature_sensor_install(&config, &sensor_) != ESP_OK ||
            temperature_sensor_enable(sensor_) != ESP_OK)
            sensor_ = nullptr;
    }
    float celsius = 0.0f;
    if (sensor_ == nullptr || temperature_sensor_get_celsius(sensor_, &celsius) != ESP_OK)
        return {};
    return celsius;
}
#else
std::optional<float> ChipPlatform::temperature_c() {
    return {};
}
#endif

// The blocks of TensorMemory, in its order.
MemoryKind ChipPlatform::memory_kind(std::size_t block) const {
#if CONFIG_IDF_TARGET_ESP32
    return {block == 0 ? "DRAM" : "D/IRAM"};
#else
    if (block == 0) return {"SRAM"};
    constexpr std::uint32_t kPsramBytesPerS = 85'500'000;
    return {"PSRAM", kPsramBytesPerS};
#endif
}

Health ChipPlatform::health() {
    return {esp_get_free_heap_size(), esp_get_minimum_free_heap_size(), temperature_c()};
}

std::uint64_t ChipPlatform::now_us() {
    return static_cast<std::uint64_t>(esp_timer_get_time());
}

std::uint32_t ChipPlatform::ticks() {
    return esp_cpu_get_cycle_count();
}

// The generator mixes in noise of the radio, which is off, or of the source that is switched on
// here; without either its numbers can be the same after every start.
std::uint32_t ChipPlatform::entropy() {
    bootloader_random_enable();
    const std::uint32_t number = esp_random();
    bootloader_random_disable();
    return number;
}

void ChipPlatform::restart() {
    esp_restart();
}

}  // namespace ugpt::port::esp32

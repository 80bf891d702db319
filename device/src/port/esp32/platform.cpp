#include "port/esp32/platform.h"

#include "bootloader_random.h"
#include "esp_cpu.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "sdkconfig.h"
#include "soc/soc_caps.h"

namespace ugpt::port::esp32 {

ChipPlatform::ChipPlatform(const TensorMemory& memory) : memory_(memory) {
    chip_.name = CONFIG_IDF_TARGET;
    chip_.board = CONFIG_UGPT_BOARD;
    chip_.cores = SOC_CPU_CORES_NUM;
    chip_.clock_hz = CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ * 1'000'000u;
    chip_.baud_max = CONFIG_UGPT_BAUD_MAX;
    chip_.tick_hz = chip_.clock_hz;
}

std::uint64_t ChipPlatform::now_us() { return static_cast<std::uint64_t>(esp_timer_get_time()); }

std::uint32_t ChipPlatform::ticks() { return esp_cpu_get_cycle_count(); }

// The generator mixes in noise of the radio, which is off, or of the source that is switched on
// here; without either its numbers can be the same after every start.
std::uint32_t ChipPlatform::entropy() {
    bootloader_random_enable();
    const std::uint32_t number = esp_random();
    bootloader_random_disable();
    return number;
}

void ChipPlatform::restart() { esp_restart(); }

}  // namespace ugpt::port::esp32

#include "port/esp32/flash_reading.h"

// The S3's is C that C++ warns of.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wvolatile"
#include "hal/spi_flash_ll.h"
#pragma GCC diagnostic pop
#include "sdkconfig.h"
#include "soc/soc.h"
#if CONFIG_IDF_TARGET_ESP32
#include "soc/spi_reg.h"
#else
#include "soc/spi_mem_reg.h"
#endif

namespace ugpt::port::esp32 {
namespace {

constexpr std::uint8_t kCacheController = 0;

#if CONFIG_IDF_TARGET_ESP32
constexpr std::uint32_t kQio = SPI_FREAD_QIO, kQout = SPI_FREAD_QUAD;
constexpr std::uint32_t kDio = SPI_FREAD_DIO, kDout = SPI_FREAD_DUAL;
constexpr std::uint32_t kUndivided = SPI_CLK_EQU_SYSCLK;
constexpr std::uint32_t kDividerShift = SPI_CLKCNT_N_S, kDividerMask = SPI_CLKCNT_N_V;

std::uint32_t control() {
    return REG_READ(SPI_CTRL_REG(kCacheController));
}

std::uint32_t clock() {
    return REG_READ(SPI_CLOCK_REG(kCacheController));
}
#else
constexpr std::uint32_t kQio = SPI_MEM_FREAD_QIO, kQout = SPI_MEM_FREAD_QUAD;
constexpr std::uint32_t kDio = SPI_MEM_FREAD_DIO, kDout = SPI_MEM_FREAD_DUAL;
constexpr std::uint32_t kUndivided = SPI_MEM_CLK_EQU_SYSCLK;
constexpr std::uint32_t kDividerShift = SPI_MEM_CLKCNT_N_S, kDividerMask = SPI_MEM_CLKCNT_N_V;

std::uint32_t control() {
    return REG_READ(SPI_MEM_CTRL_REG(kCacheController));
}

std::uint32_t clock() {
    return REG_READ(SPI_MEM_CLOCK_REG(kCacheController));
}
#endif

FlashMode mode(std::uint32_t control) {
    if (control & kQio) return FlashMode::qio;
    if (control & kQout) return FlashMode::qout;
    if (control & kDio) return FlashMode::dio;
    if (control & kDout) return FlashMode::dout;
    return FlashMode::single;
}

std::uint32_t divider(std::uint32_t clock) {
    return clock & kUndivided ? 1 : (clock >> kDividerShift & kDividerMask) + 1;
}

}  // namespace

FlashReading flash_reading() {
    const std::uint32_t source_hz =
        spi_flash_ll_get_source_clock_freq_mhz(kCacheController) * 1'000'000u;
    return {mode(control()), source_hz / divider(clock())};
}

}  // namespace ugpt::port::esp32

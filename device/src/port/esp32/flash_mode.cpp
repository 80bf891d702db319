// A flash chip that cannot be read by four lines. The bootloader then takes two, but ESP-IDF stops
// the firmware at start because the configuration says four. So this takes two as well. It stands
// between ESP-IDF and its own function by the linker's --wrap (CMakeLists.txt).
#include "esp_flash.h"

extern "C" {

esp_err_t __real_esp_flash_init_main(esp_flash_t* chip);
esp_err_t __wrap_esp_flash_init_main(esp_flash_t* chip);

esp_err_t __wrap_esp_flash_init_main(esp_flash_t* chip) {
    const esp_err_t error = __real_esp_flash_init_main(chip);
    const bool quad = chip->read_mode == SPI_FLASH_QIO || chip->read_mode == SPI_FLASH_QOUT;
    if (error != ESP_ERR_FLASH_NO_RESPONSE || !quad) return error;
    chip->read_mode = SPI_FLASH_DIO;
    return __real_esp_flash_init_main(chip);
}

}  // extern "C"

"""What boards print that do not start, and what is made of it.

The lines are those that real boards print; addresses and times are made up.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.support.peer import HELLO, Peer
from tests.support.virtual_time import leaping
from ugpt.rpc import messages
from ugpt.rpc.boot_log import BootLog
from ugpt.rpc.errors import DeviceRestarted, NoAnswer
from ugpt.rpc.link import Link

ESP32 = """\
ets Jul 29 2019 12:21:46

rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)
configsip: 0, SPIWP:0xee
clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00
mode:DIO, clock div:2
load:0x3fff0030,len:7176
ho 0 tail 12 room 4
entry 0x40080694
I (31) boot: ESP-IDF v5.5 2nd stage bootloader
I (36) boot.esp32: SPI Flash Size : 4MB
"""
S3 = """\
ESP-ROM:esp32s3-20210327
Build:Mar 27 2021
rst:0x15 (USB_UART_CHIP_RESET),boot:0x8 (SPI_FAST_FLASH_BOOT)
Saved PC:0x40041a76
SPIWP:0xee
mode:DIO, clock div:1
load:0x3fce2820,len:0x1180
entry 0x403c88b8
"""
C3 = """\
ESP-ROM:esp32c3-api1-20210207
Build:Feb  7 2021
rst:0x1 (POWERON),boot:0xd (SPI_FAST_FLASH_BOOT)
"""

CASES = {
    "brown-out of an ESP32": (
        ESP32 + "Brownout detector was triggered\n\n"
        + ESP32.replace("0x1 (POWERON_RESET)", "0xc (SW_CPU_RESET)"),
        "restarts because its supply voltage drops",
        "Brownout detector was triggered",
    ),
    "brown-out that only the ROM sees": (
        S3.replace("0x15 (USB_UART_CHIP_RESET)", "0xf (BROWN_OUT_RST)"),
        "supply voltage",
        "rst:0xf (BROWN_OUT_RST),boot:0x8 (SPI_FAST_FLASH_BOOT)",
    ),
    "brown-out of an ESP32 that only the ROM sees": (
        ESP32.replace("0x1 (POWERON_RESET)", "0xf (RTCWDT_BROWN_OUT_RESET)"),
        "supply voltage",
        "rst:0xf (RTCWDT_BROWN_OUT_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)",
    ),
    "download mode of an ESP32": (
        "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\n"
        "waiting for download\n",
        "download mode",
        "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))",
    ),
    "download mode of an S3": (
        S3.split("rst:")[0]
        + "rst:0x15 (USB_UART_CHIP_RESET),boot:0x0 (DOWNLOAD(USB/UART0))\nwaiting for download\n",
        "download mode",
        "rst:0x15 (USB_UART_CHIP_RESET),boot:0x0 (DOWNLOAD(USB/UART0))",
    ),
    "partition table for a larger flash": (
        ESP32 + "E (48) flash_parts: partition 4 invalid - offset 0x1f0000 size 0x1e0000 exceeds "
        "flash chip size 0x200000\nE (58) boot: Failed to verify partition table\n"
        "E (63) boot: load partition table error!\n",
        "a partition table for a larger flash than its 2 MiB",
        "E (48) flash_parts: partition 4 invalid - offset 0x1f0000 size 0x1e0000 exceeds flash "
        "chip size 0x200000",
    ),
    "image for a larger flash": (
        S3 + "E (105) spi_flash: Detected size(2048k) smaller than the size in the binary image "
        "header(4096k). Probe failed.\n\n"
        "assert failed: do_core_init startup.c:328 (flash_ret == ESP_OK)\n",
        "firmware for 4 MiB of flash, but only 2 MiB",
        "E (105) spi_flash: Detected size(2048k) smaller than the size in the binary image "
        "header(4096k). Probe failed.",
    ),
    "application of another chip": (
        S3 + "E (88) boot_comm: mismatch chip ID, expected 9, found 0\n"
        "E (90) boot: Factory app partition is not bootable\n"
        "E (95) boot: No bootable app partitions in the partition table\n",
        "is an ESP32-S3, but the firmware in its flash is for an ESP32",
        "E (88) boot_comm: mismatch chip ID, expected 9, found 0",
    ),
    "application of a chip that nobody knows": (
        S3 + "E (88) boot_comm: mismatch chip ID, expected 9, found 99\n",
        "is an ESP32-S3, but the firmware in its flash is for a chip with the number 99",
        "E (88) boot_comm: mismatch chip ID, expected 9, found 99",
    ),
    "chip that is too old": (
        C3 + "E (57) boot_comm: chip revision check failed. Required >= v0.3, found v0.2.\n",
        "chips of revision >= v0.3, but its own is v0.2",
        "E (57) boot_comm: chip revision check failed. Required >= v0.3, found v0.2.",
    ),
    "chip that is not supported": (
        "ESP-ROM:esp32c6-20220919\nBuild:Sep 19 2022\n"
        "rst:0x1 (POWERON),boot:0xc (SPI_FAST_FLASH_BOOT)\nHello world!\n",
        "is an ESP32-C6",
        "ESP-ROM:esp32c6-20220919",
    ),
    "chip with another name in its ROM": ("ESP-ROM:esp8684-api2\n", "ESP32-C2", "esp8684"),
    "ESP8266": (" ets Jan  8 2013,rst cause:2, boot mode:(3,7)\n", "is an ESP8266", "rst cause:2"),
    "empty flash": (
        "rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n"
        + "invalid header: 0xffffffff\n" * 40,
        "nothing in its flash that can start",
        "invalid header: 0xffffffff",
    ),
    "empty flash of an older ESP32": (
        "rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n"
        "flash read err, 1000\nets_main.c 371\n",
        "nothing in its flash that can start",
        "flash read err, 1000",
    ),
    "no application": (
        ESP32 + "E (115) esp_image: image at 0x10000 has invalid magic byte (nothing flashed "
        "here?)\nE (122) boot: Factory app partition is not bootable\n"
        "E (127) boot: No bootable app partitions in the partition table\n",
        "a bootloader but no application",
        "E (115) esp_image: image at 0x10000 has invalid magic byte (nothing flashed here?)",
    ),
    "no table": (
        ESP32 + "E (65) flash_parts: partition 0 invalid magic number 0xffff\n"
        "E (70) boot: Failed to verify partition table\nE (75) boot: load partition table error!\n",
        "no valid partition table",
        "E (65) flash_parts: partition 0 invalid magic number 0xffff",
    ),
    "damaged application": (
        C3 + "E (180) esp_image: Checksum failed. Calculated 0xe5 read 0x7c\n"
        "E (186) boot: Factory app partition is not bootable\n",
        "damaged firmware",
        "E (180) esp_image: Checksum failed. Calculated 0xe5 read 0x7c",
    ),
    "damaged bootloader": ("csum err:0x9f!=0x9a\nets_main.c 371\n", "damaged firmware", "csum err"),
    "crash at every start": (
        (
            ESP32 + "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was "
            "unhandled.\n\nCore  0 register dump:\nPC      : 0x400d1a2b  PS      : 0x00060330\n"
            "Backtrace: 0x400d1a2b:0x3ffb1f50\n\nELF file SHA256: 9a8b7c6d5\n\nRebooting...\n"
        )
        * 3,
        "crashes",
        "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.",
    ),
    "failed assertion": (
        C3 + "assert failed: xQueueSemaphoreTake queue.c:1709 (pxQueue->uxItemSize == 0)\n",
        "crashes",
        "assert failed: xQueueSemaphoreTake queue.c:1709 (pxQueue->uxItemSize == 0)",
    ),
    "restarts without a word": (
        C3.replace("0x1 (POWERON)", "0x7 (TG0WDT_SYS_RST)") * 4,
        "starts again and again",
        "rst:0x7 (TG0WDT_SYS_RST),boot:0xd (SPI_FAST_FLASH_BOOT)",
    ),
    "other firmware that names itself": (
        ESP32 + "I (201) app_init: Project name:     blink\nI (206) main_task: Calling app_main()\n"
        "Turning the LED ON!\n",
        "runs other firmware, blink",
        "I (201) app_init: Project name:     blink",
    ),
    "MicroPython": (
        ESP32 + "MicroPython v1.22.1 on 2024-01-05; Generic ESP32 module with ESP32\n>>> ",
        "runs MicroPython",
        "MicroPython v1.22.1 on 2024-01-05; Generic ESP32 module with ESP32",
    ),
    "other firmware": (
        ESP32 + "Temperature 21.5\nTemperature 21.6\n",
        "runs other firmware than ugpt's",
        "Temperature 21.5",
    ),
    "firmware that starts and says no more": (
        S3, "its firmware does not answer", "rst:0x15 (USB_UART_CHIP_RESET)",
    ),
}  # fmt: skip


def log_of(text: str) -> BootLog:
    log = BootLog()
    for line in text.splitlines():
        log.read(line)
    return log


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_named_with_the_line_that_tells(case: str) -> None:
    text, said, line = CASES[case]
    found = log_of(text).silence()
    assert found is not None
    assert said in found.text
    assert found.line.startswith(line) or line in found.line
    assert len(found.advice) > 20


def test_a_board_that_says_nothing_is_not_judged() -> None:
    assert log_of("").silence() is None
    assert log_of(ESP32).diagnosis() is None


def test_download_mode_is_over_with_another_start() -> None:
    log = log_of(CASES["download mode of an S3"][0] + C3)
    found = log.silence()
    assert found is not None
    assert "download" not in found.text


def test_megabytes_of_text_are_not_kept() -> None:
    log = BootLog()
    for number in range(2000):
        log.read(f"{number} " + "x" * 8000)
        log.read("invalid header: 0xffffffff " + "y" * 8000)
    found = log.silence()
    assert found is not None
    assert len(found.line) <= 400


@leaping
@pytest.mark.parametrize("case", ["brown-out of an ESP32", "no application", "MicroPython"])
async def test_who_connects_is_told(case: str) -> None:
    text, said, line = CASES[case]
    peer = Peer()
    peer.deaf = True
    link = Link(peer.line)
    asyncio.get_running_loop().call_later(0.1, peer.say, text.encode())
    try:
        with pytest.raises(NoAnswer) as caught:
            await link.open(2.0)
    finally:
        await link.close()
    assert said in caught.value.message
    assert line in caught.value.message
    assert "Something else" not in str(caught.value)


@leaping
async def test_a_restart_tells_its_cause() -> None:
    peer = Peer(HELLO)
    peer.handlers["status"] = lambda params: []
    peer.delays_s["status"] = 60.0
    link = Link(peer.line)
    await link.open(2.0)
    try:
        said = CASES["brown-out of an ESP32"][0].removeprefix(ESP32).encode()
        asyncio.get_running_loop().call_later(0.1, peer.say, said)
        with pytest.raises(DeviceRestarted, match="it says: 'Brownout detector was triggered'"):
            await link.call(messages.status())
    finally:
        await link.close()

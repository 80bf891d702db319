"""What a board prints while it starts and when it falls, and what that says of it.

The lines are those of the ROMs and of ESP-IDF's bootloader and panic handler, for all chips. They
come at 115,200 baud, whatever the firmware does later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..wording import with_article
from .chips import chip_name

_LINE_CHARACTERS = 400  # kept of a line, more than any of those that are looked for

_START = re.compile(r"rst:0x|rst cause:")
_FALL = re.compile(
    r"Guru Meditation Error|abort\(\) was called|assert failed:|\*\*\*ERROR\*\*\* A stack overflow"
    r"|Stack smashing protect failure|CORRUPT HEAP"
)
# What every start prints, whatever comes of it.
_ROUTINE = re.compile(
    r"^\s*(?:ets [A-Z]|ESP-ROM:|Build:|rst:0x|Saved PC:|configsip:|clk_drv:|SPIWP:|mode:|load:"
    r"|ho \d|tail \d|entry 0x|Rebooting|user code done"
    r"|[IWED] \(\d+\) (?:boot|boot\.\w+|boot_comm|esp_image|qio_mode|cpu_start|heap_init|app_init"
    r"|efuse_init|spi_flash|main_task|sleep_gpio|octal_psram|esp_psram|coexist):)"
)

_FLASH = "Write the firmware: ugpt flash"
_POWER = (
    "Use another USB cable, a port of the computer instead of a hub, or a stronger supply, and "
    "unplug what else the board feeds."
)
_OTHER_PORT = (
    "Put the ugpt firmware on the board (ugpt flash), or choose another port; `ugpt doctor` "
    "examines the line."
)
_LARGER_FLASH = (
    "ugpt needs 4 MiB of flash. If `ugpt doctor` finds as much, write the whole firmware: ugpt "
    "flash; else take another board."
)


@dataclass(frozen=True)
class Diagnosis:
    """Why a board does not answer, or has restarted."""

    text: str
    """What goes after "The board"."""
    advice: str
    line: str
    """The line that tells, as the board has printed it."""
    is_crash: bool = False
    """Whether the firmware itself has given up, and printed where."""


@dataclass(frozen=True)
class _Cause:
    pattern: re.Pattern[str]
    text: str | Callable[[re.Match[str]], str]
    advice: str
    restarts: bool = False
    """Whether it explains why a board that worked has restarted."""
    until_start: bool = False
    """Whether another start of the board disproves it."""


def _bytes_of_flash(match: re.Match[str]) -> str:
    return f"has a partition table for a larger flash than its {int(match[1], 16) / 2**20:g} MiB"


def _detected_flash(match: re.Match[str]) -> str:
    found, expected = (int(match[number]) / 1024 for number in (1, 2))
    return f"has firmware for {expected:g} MiB of flash, but only {found:g} MiB"


def _other_chip(match: re.Match[str]) -> str:
    chip, image = (with_article(chip_name(int(match[number]))) for number in (1, 2))
    return f"is {chip}, but the firmware in its flash is for {image}"


def _unknown_chip(match: re.Match[str]) -> str:
    name = {"esp8684": "esp32c2"}.get(match[1], match[1]).upper()
    name = re.sub(r"^ESP32(?=\w)", "ESP32-", name)
    return f"is an {name}, which ugpt does not run on"


# The first that is found counts.
_CAUSES = (
    _Cause(
        re.compile(r"[Bb]rown-?out detector was triggered|rst:0x\w+ \(\w*BROWN_?OUT_R(?:ESE|S)T"),
        "restarts because its supply voltage drops",
        _POWER,
        restarts=True,
    ),
    _Cause(
        re.compile(r"ESP-ROM:(esp32(?!s3|c3)\w+|esp8684)"),
        _unknown_chip,
        "Take a board with an ESP32, ESP32-S3 or ESP32-C3.",
    ),
    _Cause(
        re.compile(r"ets \w+ +\d+ \d{4},rst cause:"),
        "is an ESP8266, which ugpt does not run on",
        "Take a board with an ESP32, ESP32-S3 or ESP32-C3.",
    ),
    _Cause(
        re.compile(r"waiting for download|boot:0x\w+ \(DOWNLOAD"),
        "is in download mode: it waits for firmware",
        "Press its reset button without holding BOOT, or write the firmware: ugpt flash",
        until_start=True,
    ),
    _Cause(re.compile(r"exceeds flash chip size (0x[0-9a-f]+)"), _bytes_of_flash, _LARGER_FLASH),
    _Cause(
        re.compile(r"Detected size\((\d+)k\) smaller than the size in the binary .*\((\d+)k\)"),
        _detected_flash,
        _LARGER_FLASH,
    ),
    _Cause(
        re.compile(r"mismatch chip ID, expected (\d+), found (\d+)"),
        _other_chip,
        "Write the firmware for this chip: ugpt flash",
    ),
    _Cause(
        re.compile(r"chip revision check failed\. Required (.+), found (v[0-9.]+[0-9])"),
        lambda match: f"has firmware for chips of revision {match[1]}, but its own is {match[2]}",
        _FLASH,
    ),
    _Cause(
        re.compile(
            r"csum err:|Checksum failed|Image hash failed|invalid segment length"
            r"|load address 0x\w+, doesn't match data|Image length \d+ doesn't fit"
        ),
        "has damaged firmware",
        f"{_FLASH}. If it does not last, check the cable and the power.",
    ),
    _Cause(
        re.compile(r"invalid magic number 0x|partition table has no terminating entry"),
        "has no valid partition table",
        _FLASH,
    ),
    _Cause(
        re.compile(r"has invalid magic byte"),
        "has a bootloader but no application",
        _FLASH,
    ),
    _Cause(
        re.compile(r"No bootable app partitions|load partition table error"),
        "has no application that can start",
        _FLASH,
    ),
    _Cause(
        re.compile(r"invalid header: 0x|flash read err, \d|ets_loader\.c \d"),
        "finds nothing in its flash that can start",
        f"{_FLASH}. If it does not last, the flash chip or its wiring is faulty.",
    ),
    _Cause(
        _FALL,
        "crashes",
        "`ugpt monitor` shows where. Write the current firmware: ugpt flash",
        restarts=True,
    ),
)
_FOREIGN = (
    _Cause(
        re.compile(
            r"\b(MicroPython|CircuitPython|Tasmota|ESPHome|WLED|NodeMCU|Espruino|Meshtastic|ESPEasy)\b"
        ),
        lambda match: f"runs {match[1]}",
        _OTHER_PORT,
    ),
    _Cause(
        re.compile(r"Project name:\s+(?!ugpt\b)(\S+)"),
        lambda match: f"runs other firmware, {match[1]}",
        _OTHER_PORT,
    ),
)


class BootLog:
    """Reads the text of a board line by line, and keeps of it what tells."""

    def __init__(self) -> None:
        self.starts = 0
        """How often the board has started."""
        self.fallen = False
        """Whether it has crashed and not started since."""
        self._start_line = ""
        self._found: dict[_Cause, re.Match[str]] = {}
        self._other = ""
        self._routine = ""

    def read(self, line: str) -> bool:
        """Whether this line tells that the board starts anew, or falls."""
        line = line.strip()[:_LINE_CHARACTERS]
        starts, falls = bool(_START.search(line)), bool(_FALL.search(line))
        if starts:
            self.starts += 1
            self._start_line = line
            self._found = {
                cause: match for cause, match in self._found.items() if not cause.until_start
            }
        self.fallen = falls or (self.fallen and not starts)
        known = False
        for cause in (*_CAUSES, *_FOREIGN):
            if match := cause.pattern.search(line):
                self._found.setdefault(cause, match)
                known = True
        if _ROUTINE.search(line):
            self._routine = self._routine or line
        elif not known and not self._other:
            self._other = line
        return starts or falls

    def diagnosis(self) -> Diagnosis | None:
        """What is wrong with the board; None if nothing that it printed tells."""
        found = self._first(_CAUSES)
        if found is None and self.starts > 1:
            return Diagnosis("starts again and again", f"{_POWER} {_FLASH}", self._start_line)
        return found or self._first(_FOREIGN)

    def cause_of_restart(self) -> Diagnosis | None:
        """Why a board that worked has restarted; None if it did not say."""
        return self._first(tuple(cause for cause in _CAUSES if cause.restarts))

    def silence(self) -> Diagnosis | None:
        """Why a board that was asked does not answer; None if it printed nothing at all."""
        if found := self.diagnosis():
            return found
        if self._other:
            return Diagnosis("runs other firmware than ugpt's", _OTHER_PORT, self._other)
        if self._routine:
            advice = f"Try again in a moment, or press its reset button. {_FLASH}"
            line = self._start_line or self._routine
            return Diagnosis("has started, but its firmware does not answer", advice, line)
        return None

    def _first(self, causes: tuple[_Cause, ...]) -> Diagnosis | None:
        for cause in causes:
            if match := self._found.get(cause):
                text = cause.text if isinstance(cause.text, str) else cause.text(match)
                return Diagnosis(text, cause.advice, match.string, cause.pattern is _FALL)
        return None

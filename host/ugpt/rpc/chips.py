"""The chips that Espressif makes, by the number that an image of their firmware has."""

from __future__ import annotations

_NAMES = {
    0: "ESP32", 2: "ESP32-S2", 5: "ESP32-C3", 9: "ESP32-S3", 12: "ESP32-C2", 13: "ESP32-C6",
    16: "ESP32-H2", 18: "ESP32-P4", 20: "ESP32-C61", 23: "ESP32-C5",
}  # fmt: skip


def chip_name(number: int) -> str:
    """Such as `ESP32-S3`, or `chip with the number 99`."""
    return _NAMES.get(number, f"chip with the number {number}")

"""What esptool is told to do with a chip, in place of a chip.

The bytes that esptool itself sends are looked at in tests/support/rom.py; that emulated ROM cannot
run the loader which esptool uploads over a serial port.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest


def recorded_esptool(monkeypatch: pytest.MonkeyPatch, chip: str = "ESP32") -> list[str]:
    """Puts a recorder in the place of esptool's functions; returns what they are told."""
    import esptool

    told: list[str] = []

    class Chip:
        CHIP_NAME = chip
        _port = SimpleNamespace(close=lambda: told.append("close"))

        def get_chip_description(self) -> str:
            return f"{chip} (revision 3)"

        def change_baud(self, baud: int) -> None:
            told.append(f"baud {baud}")

    def detect_chip(port: str, connect_mode: str) -> Chip:
        told.append(f"open {port} {connect_mode}")
        return Chip()

    def run_stub(found: Chip) -> Chip:
        told.append("stub")
        return found

    monkeypatch.setattr(esptool, "detect_chip", detect_chip)
    monkeypatch.setattr(esptool, "run_stub", run_stub)
    monkeypatch.setattr(esptool, "attach_flash", lambda _: told.append("flash"))
    monkeypatch.setattr(esptool, "detect_flash_size", lambda _: "4MB")
    monkeypatch.setattr(
        esptool, "write_flash", lambda _, parts: told.append(f"write {parts[0][0]:#x}")
    )
    monkeypatch.setattr(esptool, "erase_flash", lambda _: told.append("erase"))
    monkeypatch.setattr(esptool, "reset_chip", lambda _, mode: told.append(mode))
    return told

"""What a device tells of its chip and its flash, in words and as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..rpc.messages import FlashMode, Hello

_FULL_HZ = 80_000_000
_QUAD = (FlashMode.QIO, FlashMode.QOUT)


def hello_json(hello: Hello) -> dict[str, Any]:
    """The whole record, with the mode of the flash as its name and digests in hex."""
    return dataclasses.asdict(hello) | {
        "flash_mode": flash_mode(hello),
        "image_sha256": hello.image_sha256.hex(),
    }


def flash_mode(hello: Hello) -> str:
    """Its name; empty if the device does not know it, or is older than the question."""
    return "" if hello.flash_mode is FlashMode.UNKNOWN else hello.flash_mode.name


def flash_reading(hello: Hello) -> str:
    """Such as "QIO at 80 MHz"; empty if the device does not tell."""
    mode = flash_mode(hello)
    return f"{mode} at {hello.flash_hz / 1e6:.0f} MHz" if mode and hello.flash_hz else ""


def slow_flash(hello: Hello) -> tuple[str, str] | None:
    """What is slow about its flash, and what to do; None if nothing is, or it does not tell."""
    reading = flash_reading(hello)
    if not reading or (hello.flash_mode in _QUAD and hello.flash_hz >= _FULL_HZ):
        return None
    text = f"flash runs in {reading}, so stories are slower than they could be"
    if hello.flash_hz < _FULL_HZ:
        return (
            f"{text}: bootloader and firmware were built so",
            "`ugpt flash` writes those that set QIO at 80 MHz. Training is as fast with these.",
        )
    return (
        f"{text}: the bootloader knows no quad mode of this flash chip",
        "This chip cannot be set faster; stories are faster on a board with another flash chip. "
        "Training is as fast on this one.",
    )


def revision(hello: Hello) -> str:
    """Such as "v3.1"; empty for a virtual device."""
    number = hello.chip_revision
    return "" if number is None else f"v{number // 100}.{number % 100}"

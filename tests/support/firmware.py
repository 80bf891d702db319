"""Firmware images as ESP-IDF builds them, of little content."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from functools import reduce
from operator import xor
from pathlib import Path

from device.regions import OWN_TYPE, read_regions

ESP32, ESP32_C3, ESP32_S3 = 0, 5, 9

TABLE_OFFSET = 0x8000
APPLICATION_OFFSET = 0x10000
OWN_OFFSET = min(r.offset for r in read_regions() if r.own)

PARTITIONS = tuple(
    (r.label, OWN_TYPE if r.own else 0, int(r.subtype, 16) if r.own else 0, r.offset, r.size_bytes)
    for r in read_regions()
)


def executable(chip_id: int, segments: Sequence[bytes], *, digest: bool = True) -> bytes:
    """A bootloader or an application: header, segments, checksum, digest."""
    header = struct.pack(
        "<BBBBIB3xHBHH4xB",
        0xE9,
        len(segments),
        2,
        0x20,
        0x40080000,
        0xEE,
        chip_id,
        0,
        0,
        99,
        digest,
    )
    assert len(header) == 24
    content = header
    for number, segment in enumerate(segments):
        content += struct.pack("<II", 0x3F400000 + number * 0x10000, len(segment)) + segment
    content += bytes(15 - len(content) % 16)
    content += bytes([reduce(xor, b"".join(segments), 0xEF)])
    return content + (hashlib.sha256(content).digest() if digest else b"")


def application(chip_id: int, version: str = "0.1.0", size: int = 3000) -> bytes:
    """An application that says what it is."""
    description = struct.pack("<I12x32s32s", 0xABCD5432, version.encode(), b"ugpt")
    filler = bytes(range(256)) * (size // 256 + 1)
    return executable(chip_id, [description + filler[:size], filler[:64]])


def bootloader(chip_id: int) -> bytes:
    return executable(chip_id, [b"bootloader" * 30])


def partition_table(
    partitions: Sequence[tuple[str, int, int, int, int]] = PARTITIONS,
) -> bytes:
    table = b"".join(
        struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, label.encode(), 0)
        for label, kind, subtype, offset, size in partitions
    )
    table += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table).digest()
    return table.ljust(0xC00, b"\xff")


def merged(chip_id: int, version: str = "0.1.0", size: int = 3000) -> bytes:
    """Everything from address 0 on, as `esptool merge-bin` writes it."""
    flash = bytearray(b"\xff" * APPLICATION_OFFSET)
    boot = bootloader(chip_id)
    offset = 0x1000 if chip_id == ESP32 else 0
    flash[offset : offset + len(boot)] = boot
    table = partition_table()
    flash[TABLE_OFFSET : TABLE_OFFSET + len(table)] = table
    return bytes(flash) + application(chip_id, version, size)


def write_build(folder: Path, chip_id: int) -> Path:
    """What PlatformIO leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bootloader.bin").write_bytes(bootloader(chip_id))
    (folder / "partitions.bin").write_bytes(partition_table())
    (folder / "firmware.bin").write_bytes(application(chip_id))
    return folder

"""Firmware images: what is in them, and for which chip they are.

The formats are Espressif's: an executable image (bootloader or application) is a header of 24
bytes, segments, a checksum and a digest; the partition table at 0x8000 has entries of 32 bytes.
https://docs.espressif.com/projects/esptool/en/latest/esp32/advanced-topics/firmware-image-format.html
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import reason_of
from ..rpc.chips import chip_name
from ..storage.plain_file import read_plain
from .errors import ImageError

_MOST_BYTES = 2**28
_SECTOR_BYTES = 4096
_TABLE_OFFSET = 0x8000
_TABLE_BYTES = 0xC00
_ENTRY = struct.Struct("<2sBBII16sI")  # magic, type, subtype, offset, size, label, flags
_ENTRY_MAGIC = b"\xaa\x50"
_DIGEST_MAGIC = b"\xeb\xeb"
_APPLICATION = 0  # types of partitions
_OURS = 0x40  # checkpoints, data set, settings: see device/partitions.csv

_BOOTLOADER_OFFSETS = {"ESP32": 0x1000, "ESP32-S2": 0x1000}  # 0 on the others
_HEADER_BYTES = 24
_HEADER_MAGIC = 0xE9
_CHIP_ID_OFFSET = 12
_DIGEST_FLAG_OFFSET = 23
_SEGMENT = struct.Struct("<II")  # address, length
_CHECKSUM_SEED = 0xEF
_DIGEST_BYTES = 32
_DESCRIPTION_OFFSET = _HEADER_BYTES + _SEGMENT.size  # at the start of the first segment
_DESCRIPTION = struct.Struct("<I12x32s32s")  # magic, version, project
_DESCRIPTION_MAGIC = 0xABCD5432

_ADVICE = (
    "Give an image of a release (ugpt-VERSION-BOARD.bin) or a folder that PlatformIO built, "
    "or leave --image out."
)


@dataclass(frozen=True)
class Part:
    """Bytes and where in the flash they belong."""

    offset: int
    content: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.content)


@dataclass(frozen=True)
class FirmwareImage:
    """All that a board needs to run a firmware."""

    path: Path
    chip: str
    """Such as "ESP32-S3"."""
    project: str
    version: str
    parts: tuple[Part, ...]
    flash_bytes: int
    """The end of the last partition: the flash must not be smaller."""
    kept_from: int | None
    """Where the partitions begin that a new firmware leaves alone; None if there are none."""

    @property
    def size_bytes(self) -> int:
        return sum(len(part.content) for part in self.parts)

    @property
    def overwrites(self) -> bool:
        """Whether it reaches into the partitions that a new firmware should leave alone."""
        return self.kept_from is not None and any(part.end > self.kept_from for part in self.parts)


@dataclass(frozen=True)
class _Partition:
    type: int
    offset: int
    size: int


def read_image(path: Path) -> FirmwareImage:
    """Reads a merged image, or the build that `path` is the folder or the application of.

    Raises ImageError if it is none, is damaged or incomplete.
    """
    if _is_folder(path):
        return _read_build(path)
    content = _read(path)
    if content[_TABLE_OFFSET : _TABLE_OFFSET + 2] == _ENTRY_MAGIC:
        return _read_merged(path, content)
    if content[:1] == bytes([_HEADER_MAGIC]):
        if (path.parent / "bootloader.bin").exists() and (path.parent / "partitions.bin").exists():
            return _read_build(path.parent)
        raise ImageError(f"{path} is a part of a firmware only.", _ADVICE)
    raise ImageError(f"{path} is not a firmware image of an ESP32.", _ADVICE)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False  # reading it says what is wrong


def _read_merged(path: Path, content: bytes) -> FirmwareImage:
    # A whole flash dumped or padded to its full size ends with erased bytes.
    length = len(content.rstrip(b"\xff"))
    content = content[:length].ljust(-(-length // _SECTOR_BYTES) * _SECTOR_BYTES, b"\xff")
    partitions = list(_partitions(path, content[_TABLE_OFFSET:][:_TABLE_BYTES]))
    application = _application(path, partitions)
    bootloader = 0x1000 if content[0x1000] == _HEADER_MAGIC else 0
    boot = _check_executable(path, "bootloader", content[bootloader:_TABLE_OFFSET])
    chip = _check_executable(path, "application", content[application.offset :])
    if boot != chip or _BOOTLOADER_OFFSETS.get(chip, 0) != bootloader:
        raise ImageError(f"{path} mixes firmware of several chips.", _ADVICE)
    return _describe(path, chip, (Part(0, content),), partitions, content[application.offset :])


def _read_build(folder: Path) -> FirmwareImage:
    """What PlatformIO leaves in .pio/build/ENVIRONMENT."""
    boot, table, firmware = (
        _read(folder / name) for name in ("bootloader.bin", "partitions.bin", "firmware.bin")
    )
    partitions = list(_partitions(folder / "partitions.bin", table))
    application = _application(folder / "partitions.bin", partitions)
    chip = _check_executable(folder / "firmware.bin", "application", firmware)
    if _check_executable(folder / "bootloader.bin", "bootloader", boot) != chip:
        raise ImageError(f"{folder} mixes firmware of several chips.", "Build it again.")
    if len(firmware) > application.size:
        raise ImageError(
            f"{folder / 'firmware.bin'} has {len(firmware):,} bytes, its partition "
            f"{application.size:,}.",
            "Enlarge the partition in device/partitions.csv.",
        )
    parts = (
        Part(_BOOTLOADER_OFFSETS.get(chip, 0), boot),
        Part(_TABLE_OFFSET, table),
        Part(application.offset, firmware),
    )
    return _describe(folder, chip, parts, partitions, firmware)


def _describe(
    path: Path,
    chip: str,
    parts: tuple[Part, ...],
    partitions: list[_Partition],
    application: bytes,
) -> FirmwareImage:
    magic, version, project = _DESCRIPTION.unpack_from(
        application.ljust(_DESCRIPTION_OFFSET + _DESCRIPTION.size), _DESCRIPTION_OFFSET
    )
    known = magic == _DESCRIPTION_MAGIC
    return FirmwareImage(
        path=path,
        chip=chip,
        project=_text(project) if known else "",
        version=_text(version) if known else "",
        parts=parts,
        flash_bytes=max(partition.offset + partition.size for partition in partitions),
        kept_from=min((p.offset for p in partitions if p.type == _OURS), default=None),
    )


def _read(path: Path) -> bytes:
    try:
        content = read_plain(path, _MOST_BYTES)
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} cannot be read: {reason_of(error).lower()}.", _ADVICE) from None
    if not content:
        raise ImageError(f"{path} is empty.", _ADVICE)
    return content


def _partitions(path: Path, table: bytes) -> Iterator[_Partition]:
    found = 0
    for start in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size):
        magic, kind, _, offset, size, _, _ = _ENTRY.unpack_from(table, start)
        if magic == _DIGEST_MAGIC:
            if table[start + 16 : start + 32] != hashlib.md5(table[:start]).digest():
                raise ImageError(f"The partition table in {path} is damaged.", _ADVICE)
            break
        if magic != _ENTRY_MAGIC:
            break
        found += 1
        yield _Partition(kind, offset, size)
    if not found:
        raise ImageError(f"{path} holds no partition table.", _ADVICE)


def _application(path: Path, partitions: list[_Partition]) -> _Partition:
    for partition in partitions:
        if partition.type == _APPLICATION:
            return partition
    raise ImageError(f"The partition table in {path} has no application.", _ADVICE)


def _check_executable(path: Path, name: str, content: bytes) -> str:
    """Walks through the segments, where a download that was cut off ends; returns the chip."""
    if content[:1] != bytes([_HEADER_MAGIC]) or len(content) < _HEADER_BYTES:
        raise ImageError(f"{path} holds no {name}.", _ADVICE)
    position, checksum = _HEADER_BYTES, _CHECKSUM_SEED
    for _ in range(content[1]):
        if position + _SEGMENT.size > len(content):
            raise _cut_off(path, name)
        _, length = _SEGMENT.unpack_from(content, position)
        position += _SEGMENT.size
        segment = np.frombuffer(content[position : position + length], np.uint8)
        if len(segment) != length:
            raise _cut_off(path, name)
        checksum ^= int(np.bitwise_xor.reduce(segment, initial=0))
        position += length
    end = position // 16 * 16 + 16  # the checksum is the last byte of a line of 16
    digest = content[end : end + _DIGEST_BYTES] if content[_DIGEST_FLAG_OFFSET] else b""
    if end > len(content) or (content[_DIGEST_FLAG_OFFSET] and len(digest) < _DIGEST_BYTES):
        raise _cut_off(path, name)
    if content[end - 1] != checksum or (
        digest and hashlib.sha256(content[:end]).digest() != digest
    ):
        raise ImageError(f"The {name} in {path} is damaged.", "Download or build it again.")
    (chip_id,) = struct.unpack_from("<H", content, _CHIP_ID_OFFSET)
    return chip_name(chip_id)


def _cut_off(path: Path, name: str) -> ImageError:
    return ImageError(f"The {name} in {path} is cut off.", "Download or build it again.")


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode(errors="replace")

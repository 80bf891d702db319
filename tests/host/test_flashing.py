"""Images of all kinds, and writing them: esptool itself against the loader of an emulated ROM."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from unittest.mock import Mock

import esptool
import pytest

from tests.support.firmware import (
    APPLICATION_OFFSET,
    ESP32,
    ESP32_C3,
    ESP32_S3,
    OWN_OFFSET,
    PARTITIONS,
    application,
    bootloader,
    executable,
    merged,
    partition_table,
    write_build,
)
from tests.support.rom import RomLoader, rom_loader
from ugpt.device.bulk import Progress
from ugpt.device.target import Target
from ugpt.errors import InvalidValue
from ugpt.firmware.build import build, environments, find_project, require_environment
from ugpt.firmware.errors import ImageError, ToolError
from ugpt.firmware.flash import Loader, environment_for, open_loader, write_firmware
from ugpt.firmware.image import Part, read_image
from ugpt.rpc.errors import NoAnswer, PortError, PortNotFound
from ugpt.wording import install_command

T = TypeVar("T")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "ugpt-0.1.0-esp32dev.bin"
    path.write_bytes(merged(ESP32))
    return path


@pytest.mark.parametrize(
    ("chip_id", "chip"), [(ESP32, "ESP32"), (ESP32_S3, "ESP32-S3"), (ESP32_C3, "ESP32-C3")]
)
def test_merged_image(tmp_path: Path, chip_id: int, chip: str) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(merged(chip_id, "1.2.3"))
    found = read_image(path)
    assert (found.chip, found.project, found.version) == (chip, "ugpt", "1.2.3")
    assert found.flash_bytes == max(offset + size for *_, offset, size in PARTITIONS)
    assert found.kept_from == OWN_OFFSET
    assert not found.overwrites
    (part,) = found.parts
    assert part.offset == 0
    assert part.content.rstrip(b"\xff") == merged(chip_id, "1.2.3").rstrip(b"\xff")


@pytest.mark.parametrize(("chip_id", "offset"), [(ESP32, 0x1000), (ESP32_S3, 0x0)])
def test_build_folder(tmp_path: Path, chip_id: int, offset: int) -> None:
    folder = write_build(tmp_path / "build", chip_id)
    expected = (
        Part(offset, bootloader(chip_id)),
        Part(0x8000, partition_table()),
        Part(APPLICATION_OFFSET, application(chip_id)),
    )
    assert read_image(folder).parts == expected
    assert read_image(folder / "firmware.bin").parts == expected


@pytest.mark.parametrize("beyond", [0, 1])
def test_an_application_fills_its_partition_at_most(tmp_path: Path, beyond: int) -> None:
    folder = write_build(tmp_path / "build", ESP32)
    room = next(size for *_, offset, size in PARTITIONS if offset == APPLICATION_OFFSET)
    empty = len(executable(ESP32, [b""]))
    firmware = executable(ESP32, [bytes(room - empty + 16 * beyond)])
    assert len(firmware) == room + 16 * beyond
    (folder / "firmware.bin").write_bytes(firmware)
    if not beyond:
        assert read_image(folder).parts[-1].end == APPLICATION_OFFSET + room
        return
    with pytest.raises(ImageError, match=r"has 1,048,592 bytes, its partition 1,048,576"):
        read_image(folder)


def test_whole_flash_is_cut_to_what_it_holds(tmp_path: Path, image: Path) -> None:
    padded = tmp_path / "flash.bin"
    padded.write_bytes(image.read_bytes().ljust(4 * 2**20, b"\xff"))
    assert not read_image(padded).overwrites
    dumped = bytearray(padded.read_bytes())
    dumped[OWN_OFFSET] = 1
    padded.write_bytes(dumped)
    assert read_image(padded).overwrites


def exchange(content: bytearray) -> None:
    """Two bytes of the application, which leaves its checksum right."""
    first, second = APPLICATION_OFFSET + 1000, APPLICATION_OFFSET + 1001
    assert content[first] != content[second]
    content[first], content[second] = content[second], content[first]


def damaged(change: Callable[[bytearray], object]) -> bytes:
    content = bytearray(merged(ESP32))
    change(content)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04" + bytes(100_000), "not a firmware image"),
        (b"anna\nberta\n", "not a firmware image"),
        (application(ESP32), "a part of a firmware only"),
        (merged(ESP32, size=9000)[:-6000], "application in .* is cut off"),
        (merged(ESP32)[:-40], "application in .* is damaged"),
        (merged(ESP32)[: APPLICATION_OFFSET + 10], "application in .* is cut off"),
        (merged(ESP32)[:APPLICATION_OFFSET], "no application"),
        (
            damaged(lambda c: c.__setitem__(APPLICATION_OFFSET + 1000, 0xAA)),
            "application .* damaged",
        ),
        (damaged(exchange), "application in .* is damaged"),
        (damaged(lambda c: c.__setitem__(0x1000 + 100, 0xAA)), "bootloader in .* damaged"),
        (damaged(lambda c: c.__setitem__(0x1000, 0xFF)), "no bootloader"),
        (damaged(lambda c: c.__setitem__(0x8004, 0xAA)), "partition table in .* damaged"),
    ],
)
def test_bad_images(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=complaint) as raised:
        read_image(path)
    assert raised.value.advice


def test_image_without_digest(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "build", ESP32)
    firmware = executable(ESP32, [bytes(200)], digest=False)
    (folder / "firmware.bin").write_bytes(firmware)
    assert read_image(folder).version == ""
    # Then the checksum alone tells.
    (folder / "firmware.bin").write_bytes(firmware.replace(bytes(200), bytes(199) + b"\1"))
    with pytest.raises(ImageError, match=r"application in .* is damaged"):
        read_image(folder)


def test_image_that_ends_where_a_board_keeps_its_own(tmp_path: Path, image: Path) -> None:
    full = tmp_path / "full.bin"
    full.write_bytes(image.read_bytes().ljust(OWN_OFFSET, b"\0"))
    found = read_image(full)
    assert found.parts[0].end == found.kept_from
    assert not found.overwrites
    full.write_bytes(image.read_bytes().ljust(OWN_OFFSET + 1, b"\0"))
    assert read_image(full).overwrites


def test_what_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(2**28 + 1)
    with pytest.raises(ImageError, match=r"large\.bin cannot be read: file too large"):
        read_image(tmp_path / "large.bin")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no pipes and devices")
def test_a_pipe_or_a_device_is_no_image(tmp_path: Path) -> None:
    """Opening the one waits for a writer, reading the other never ends."""
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ImageError, match=f"{place} cannot be read: it is not a regular file"):
            read_image(place)


def test_incomplete_builds(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read: no such file"):
        read_image(tmp_path / "absent.bin")
    folder = write_build(tmp_path / "build", ESP32)
    (folder / "bootloader.bin").write_bytes(bootloader(ESP32_S3))
    with pytest.raises(ImageError, match="several chips"):
        read_image(folder)
    (folder / "bootloader.bin").unlink()
    with pytest.raises(ImageError, match=r"bootloader\.bin"):
        read_image(folder)


class Chip:
    """A loader that keeps what it is told, in the place of a board."""

    def __init__(self, chip: str = "ESP32", flash_bytes: int | None = 4 * 2**20) -> None:
        self.port = "/dev/ttyUSB0"
        self.chip = chip
        self.description = chip
        self.native_usb = False
        self.flash_bytes = flash_bytes
        self.told: list[str] = []

    def erase(self) -> None:
        self.told.append("erase")

    def write(self, part: Part, progress: Progress) -> None:
        self.told.append(f"write {part.offset:#x}")
        progress(len(part.content) // 2, len(part.content))

    def restart(self) -> None:
        self.told.append("restart")


def nothing(done: int, total: int) -> None:
    pass


def test_parts_are_written_in_order(tmp_path: Path) -> None:
    firmware = read_image(write_build(tmp_path / "build", ESP32))
    heard: list[tuple[int, int]] = []
    chip = Chip()
    write_firmware(chip, firmware, progress=lambda done, total: heard.append((done, total)))
    assert chip.told == ["write 0x1000", "write 0x8000", "write 0x10000", "restart"]
    assert heard == sorted(heard)
    assert heard[-1] == (firmware.size_bytes, firmware.size_bytes)
    write_firmware(chip, firmware, erase=True, progress=nothing)
    assert chip.told[4] == "erase"


@pytest.mark.parametrize(
    ("chip", "complaint"),
    [
        (Chip("ESP32-S3"), "is for an ESP32, but the board on /dev/ttyUSB0 has an ESP32-S3"),
        (Chip(flash_bytes=2**20), "1,048,576"),
    ],
)
def test_wrong_board_is_left_alone(image: Path, chip: Chip, complaint: str) -> None:
    with pytest.raises(ImageError, match=complaint) as raised:
        write_firmware(chip, read_image(image), progress=nothing)
    assert "Nothing was written" in raised.value.advice
    assert chip.told == ["restart"]


def test_what_the_board_has_learnt_is_kept(tmp_path: Path, image: Path) -> None:
    content = image.read_bytes().ljust(OWN_OFFSET, b"\xff") + b"checkpoint"
    image.write_bytes(content)
    chip = Chip()
    with pytest.raises(ImageError, match="what a board keeps"):
        write_firmware(chip, read_image(image), progress=nothing)
    assert chip.told == ["restart"]
    write_firmware(chip, read_image(image), erase=True, progress=nothing)
    assert chip.told[1:] == ["erase", "write 0x0", "restart"]


def test_environment_by_chip() -> None:
    assert environment_for(Chip("ESP32")) == "esp32dev"
    assert environment_for(Chip("ESP32-C3")) == "esp32-c3-devkitm-1"
    own_usb = Chip("ESP32-S3")
    own_usb.native_usb = True
    assert environment_for(own_usb) == "esp32-s3-usb"
    with pytest.raises(ImageError, match="ESP32-P4"):
        environment_for(Chip("ESP32-P4"))
    project = find_project()
    assert project is not None
    known = environments(project)
    for chip in ("ESP32", "ESP32-S3", "ESP32-C3"):
        for native in (False, True):
            found = Chip(chip)
            found.native_usb = native and chip != "ESP32"
            assert environment_for(found) in known


async def with_loader(rom: RomLoader, work: Callable[[Loader], T]) -> T:
    """esptool blocks, and the ROM must answer meanwhile."""

    def talk() -> T:
        with open_loader(Target(rom.address)) as loader:
            return work(loader)

    return await asyncio.to_thread(talk)


@pytest.mark.parametrize("step", ["attach_flash", "detect_flash_size"])
def test_the_port_of_a_chip_that_stops_answering_is_closed(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fall_silent(chip: object) -> None:
        raise esptool.FatalError("Timed out waiting for packet header")

    chip = Mock()
    monkeypatch.setattr(esptool, "detect_chip", lambda *args, **options: chip)
    monkeypatch.setattr(esptool, "attach_flash", lambda chip: None)
    monkeypatch.setattr(esptool, step, fall_silent)
    with (
        pytest.raises(PortError, match="stopped answering: Timed out"),
        open_loader(Target("socket://127.0.0.1:1")),
    ):
        pass
    chip._port.close.assert_called_once_with()


async def test_esptool_finds_the_chip() -> None:
    async with rom_loader() as rom:
        chip, flash_bytes = await with_loader(rom, lambda it: (it.chip, it.flash_bytes))
    assert chip == "ESP32"
    assert flash_bytes == 4 * 2**20


async def test_esptool_writes_the_image(image: Path) -> None:
    firmware = read_image(image)
    heard: list[int] = []
    async with rom_loader() as rom:
        rom.flash[OWN_OFFSET : OWN_OFFSET + 10] = b"checkpoint"
        await with_loader(
            rom, lambda it: write_firmware(it, firmware, progress=lambda n, _: heard.append(n))
        )
    (part,) = firmware.parts
    assert rom.flash[: part.end] == part.content
    assert rom.flash[OWN_OFFSET : OWN_OFFSET + 10] == b"checkpoint"
    assert len(heard) > 10
    assert heard == sorted(heard)


async def test_cable_pulled_while_writing(image: Path) -> None:
    firmware = read_image(image)
    async with rom_loader() as rom:
        rom.lost_after = 5
        with pytest.raises(PortError, match="cut short") as raised:
            await with_loader(rom, lambda it: write_firmware(it, firmware, progress=nothing))
    assert "incomplete" in raised.value.advice
    assert "ugpt flash again" in raised.value.advice


def test_ports_without_a_chip(tmp_path: Path) -> None:
    with pytest.raises(PortNotFound), open_loader(Target("/dev/does-not-exist")):
        pass
    with pytest.raises((NoAnswer, PortNotFound)), open_loader(Target("socket://127.0.0.1:1")):
        pass


def write_platformio(folder: Path, script: str) -> None:
    """A program in the place of PlatformIO, found before it."""
    package = folder / "platformio"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(script)


def test_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_platformio(tmp_path, "import sys; print('Compiling a.o'); print(*sys.argv[1:])")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    lines: list[str] = []
    assert build(Path("device"), "esp32dev", lines.append) == Path("device/.pio/build/esp32dev")
    assert lines == ["Compiling a.o", "run -d device -e esp32dev"]


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("print('HTTPClientError: '); raise SystemExit(1)", "servers are out of reach"),
        (
            "print('Compiling a.o\\na.cpp:3:1: error: expected x\\nother'); raise SystemExit(1)",
            "does not build: a.cpp:3:1: error: expected x",
        ),
        ("print('Oh.'); raise SystemExit(2)", "PlatformIO failed: Oh"),
    ],
)
def test_failing_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, complaint: str
) -> None:
    write_platformio(tmp_path, script)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    lines: list[str] = []
    with pytest.raises(ToolError, match=complaint) as raised:
        build(Path("device"), "esp32dev", lines.append)
    assert lines
    assert raised.value.advice


def test_missing_platformio_is_one_line_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"PlatformIO, .*, is not installed") as raised:
        build(Path("device"), "esp32dev", lambda line: None)
    assert install_command(extra="build") in raised.value.advice
    assert "--image" in raised.value.advice


def test_unknown_environment() -> None:
    project = find_project()
    assert project is not None
    with pytest.raises(InvalidValue, match="pdp11") as raised:
        require_environment(project, "pdp11")
    assert "esp32dev" in raised.value.advice

"""`ugpt flash` as a user runs it, on a chip whose ROM loader is emulated."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.commands import CommandLine
from tests.support.devices import listening_device
from tests.support.firmware import ESP32, ESP32_S3, OWN_OFFSET, merged, write_build
from tests.support.rom import RomLoader, rom_loader


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "ugpt-0.1.0-esp32dev.bin"
    path.write_bytes(merged(ESP32))
    return path


def runs_device(rom: RomLoader, address: str) -> None:
    """What the chip is to run after it has been written."""
    host, _, port = address.removeprefix("socket://").rpartition(":")
    rom.device = (host, int(port))


@pytest.mark.parametrize("kind", ["image", "build"])
async def test_image_is_written_and_greeted(
    cli: CommandLine, tmp_path: Path, image: Path, kind: str
) -> None:
    source = image if kind == "image" else write_build(tmp_path / "build", ESP32)
    async with listening_device("socket", tmp_path / "flash") as address, rom_loader() as rom:
        runs_device(rom, address)
        rom.flash[OWN_OFFSET] = 7
        flashing = asyncio.to_thread(
            cli.finished, "flash", "--port", rom.address, "--image", source
        )
        finished = await flashing
    assert "written" in finished.stdout
    assert "runs ugpt 0." in finished.stdout
    assert "firmware 0.1.0 for ESP32" in finished.stderr
    assert rom.flash[0x10000] == 0xE9
    assert rom.flash[0x1000] == 0xE9
    assert rom.flash[OWN_OFFSET] == 7


async def test_a_run_that_the_board_does_by_itself_is_saved_first(
    cli: CommandLine, tmp_path: Path, image: Path, names: Path
) -> None:
    long = ("--steps", "16000000", "--save-every", "never", "--run", "R", "--detach")
    async with listening_device("socket", tmp_path / "flash") as address, rom_loader() as rom:
        runs_device(rom, address)
        rom.runs_already = True

        async def status() -> dict[str, int]:
            said = await asyncio.to_thread(cli, "info", "--json", "--port", address)
            return json.loads(said)["status"]  # type: ignore[no-any-return]

        await asyncio.to_thread(cli, "train", names, *long, "--port", address)
        flash = ("flash", "--port", rom.address, "--image", image)
        said = await refused(cli, *flash)
        assert "trains by itself" in said
        assert "--overwrite" in said
        before = await status()
        assert before["saved_step"] == rom.written_blocks == 0
        await asyncio.to_thread(cli, *flash, "--overwrite")
        assert (await status())["saved_step"] >= before["step"]
    assert rom.written_blocks > 0


async def refused(cli: CommandLine, *arguments: str | Path) -> str:
    return await asyncio.to_thread(cli.refused, *arguments)


@pytest.fixture
def other_image(tmp_path: Path) -> Path:
    path = tmp_path / "ugpt-0.1.0-esp32-s3-devkitc-1.bin"
    path.write_bytes(merged(ESP32_S3))
    return path


async def test_image_for_another_chip(cli: CommandLine, other_image: Path) -> None:
    async with rom_loader() as rom:
        said = await refused(cli, "flash", "--port", rom.address, "--image", other_image)
    assert "for an ESP32-S3" in said
    assert "Nothing was written" in said
    assert rom.written_blocks == 0


async def test_cable_pulled(cli: CommandLine, image: Path) -> None:
    async with rom_loader() as rom:
        rom.lost_after = 20
        said = await refused(cli, "flash", "--port", rom.address, "--image", image)
    assert "incomplete" in said


async def test_firmware_that_does_not_answer(cli: CommandLine, image: Path) -> None:
    async with rom_loader() as rom:
        said = await refused(cli, "flash", "--port", rom.address, "--image", image)
    assert "no handshake" in said
    assert "ugpt monitor" in said


def test_without_a_board(cli: CommandLine, image: Path) -> None:
    assert "no board to flash" in cli.refused("flash", "--image", image)
    said = cli.refused("flash", "--port", "/dev/does-not-exist", "--image", image)
    assert "/dev/does-not-exist" in said


def test_bad_images(cli: CommandLine, tmp_path: Path, image: Path) -> None:
    port = ("--port", "/dev/does-not-exist")
    assert "cannot be read" in cli.refused("flash", *port, "--image", "absent.bin")
    (tmp_path / "text").write_text("anna\n")
    assert "not a firmware image" in cli.refused("flash", *port, "--image", "text")
    image.write_bytes(image.read_bytes()[:-40])
    assert "damaged" in cli.refused("flash", *port, "--image", image)
    cli("flash", *port, "--image", image, "--env", "esp32dev", code=2)


def platformio(folder: Path, script: str) -> dict[str, str]:
    """The environment in which this script is PlatformIO."""
    package = folder / "fake" / "platformio"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(script)
    return {"PYTHONPATH": str(folder / "fake")}


def test_builds_that_fail(cli: CommandLine, tmp_path: Path) -> None:
    arguments = ("flash", "--port", "socket://localhost:1", "--env")
    assert "esp32dev" in cli.refused(*arguments, "pdp11")
    offline = platformio(tmp_path / "a", "print('HTTPClientError:'); raise SystemExit(1)")
    assert "out of reach" in cli.refused(*arguments, "esp32dev", env=offline)
    broken = platformio(tmp_path / "b", "print('m.cpp:1:2: error: no'); raise SystemExit(1)")
    said = cli.refused(*arguments, "esp32dev", env=broken)
    assert "m.cpp:1:2: error: no" in said
    assert "pio run -d" in said

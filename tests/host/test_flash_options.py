"""`ugpt flash` over a serial port: what it has esptool do, and when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import ugpt as package
from tests.support.board import Board
from tests.support.esptool_log import recorded_esptool
from tests.support.firmware import ESP32, ESP32_C3, ESP32_S3, merged, write_build
from tests.support.in_process import Program

pytestmark = pytest.mark.long


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "ugpt-0.1.0-esp32dev.bin"
    path.write_bytes(merged(ESP32))
    return path


@pytest.mark.parametrize(
    ("options", "mode", "baud"),
    [
        ((), "default-reset", 460800),
        (("--no-reset",), "no-reset", 460800),
        (("--baud", "115200"), "default-reset", 115200),
        (("--baud", "921600", "--no-reset"), "no-reset", 921600),
    ],
)
def test_flash_takes_its_options(
    ugpt: Program,
    uart: Board,
    image: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    mode: str,
    baud: int,
) -> None:
    told = recorded_esptool(monkeypatch)
    said = ugpt("flash", "--port", uart.path, "--image", image, *options)
    assert told == [
        f"open {uart.path} {mode}", "stub", f"baud {baud}", "flash", "write 0x0",
        "hard-reset", "close",
    ]  # fmt: skip
    assert f"written to {uart.path} and verified" in said.out
    assert "runs ugpt" in said.out
    assert "ESP32 (revision 3)" in said.err


def test_flash_erases_first_when_asked(
    ugpt: Program, uart: Board, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = recorded_esptool(monkeypatch)
    ugpt("flash", "--port", uart.path, "--image", image, "--erase")
    assert told[4:6] == ["erase", "write 0x0"]


def test_flash_looks_at_the_chip_before_it_builds(
    ugpt: Program, uart: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both times with the options given, and what is on the board runs on meanwhile."""
    told = recorded_esptool(monkeypatch, "ESP32-S3")
    built = write_build(tmp_path / "build", ESP32_S3)

    def build(project: Path, environment: str, on_line: Callable[[str], None]) -> Path:
        on_line("Compiling model.o")
        told.append(f"build {environment}")
        return built

    monkeypatch.setattr("ugpt.cli.commands.flash.build", build)
    ugpt("flash", "--port", uart.path, "--no-reset", "--baud", "230400")
    connected = [f"open {uart.path} no-reset", "stub", "baud 230400", "flash"]
    assert told == [
        *connected, "hard-reset", "close", "build esp32-s3-devkitc-1",
        *connected, "write 0x0", "write 0x8000", "write 0x10000", "hard-reset", "close",
    ]  # fmt: skip


def test_flash_of_the_wrong_chip_starts_it_again(
    ugpt: Program, uart: Board, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = recorded_esptool(monkeypatch, "ESP32-C3")
    said = ugpt("flash", "--port", uart.path, "--image", image, status=1)
    assert "is for an ESP32, but the board" in said.err
    assert told[-2:] == ["hard-reset", "close"]
    assert not any(word.startswith(("write", "erase")) for word in told)
    assert "status" in uart.methods  # nothing was to be saved


def test_flash_that_breaks_off_says_so(
    ugpt: Program, uart: Board, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import esptool

    told = recorded_esptool(monkeypatch)

    def interrupted(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(esptool, "write_flash", interrupted)
    said = ugpt("flash", "--port", uart.path, "--image", image, status=130)
    assert "incomplete" in said.err
    assert told[-1] == "close"
    monkeypatch.setattr(esptool, "detect_chip", interrupted)
    said = ugpt("flash", "--port", uart.path, "--image", image, status=130)
    assert "Nothing was written" in said.err
    assert "incomplete" not in said.err


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that came with images for two boards, and one of another version."""
    folder = tmp_path / "images"
    folder.mkdir()
    for environment, chip in (("esp32dev", ESP32), ("esp32-s3-devkitc-1", ESP32_S3)):
        content = merged(chip, package.__version__)
        (folder / f"ugpt-{package.__version__}-{environment}.bin").write_bytes(content)
    (folder / "ugpt-0.0.9-esp32-c3-devkitm-1.bin").write_bytes(merged(ESP32_C3, "0.0.9"))
    (folder / "NOTICES.txt").touch()
    monkeypatch.setattr("ugpt.firmware.bundled.FOLDER", folder)
    monkeypatch.setattr("ugpt.cli.commands.flash.build", build_nothing)
    return folder


def build_nothing(project: Path, environment: str, on_line: Callable[[str], None]) -> Path:
    raise AssertionError("nothing is to be built")


@pytest.mark.parametrize(
    ("chip", "environment"), [("ESP32", "esp32dev"), ("ESP32-S3", "esp32-s3-devkitc-1")]
)
def test_flash_takes_the_image_of_the_chip_that_came_with_ugpt(
    ugpt: Program,
    uart: Board,
    images: Path,
    monkeypatch: pytest.MonkeyPatch,
    chip: str,
    environment: str,
) -> None:
    told = recorded_esptool(monkeypatch, chip)
    said = ugpt("flash", "--port", uart.path, "--no-reset")
    image = f"ugpt-{package.__version__}-{environment}.bin"
    assert f"{image}, which came with ugpt" in said.err
    assert f"firmware {package.__version__} for {chip}" in said.err
    # In one connection: a chip that was put into download mode by hand would be lost otherwise.
    assert told == [
        f"open {uart.path} no-reset", "stub", "baud 460800", "flash", "write 0x0",
        "hard-reset", "close",
    ]  # fmt: skip


def test_flash_takes_the_image_that_is_asked_for(
    ugpt: Program, uart: Board, image: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = recorded_esptool(monkeypatch)
    said = ugpt("flash", "--port", uart.path, "--env", "esp32dev")
    assert "esp32dev.bin, which came with ugpt" in said.err
    said = ugpt("flash", "--port", uart.path, "--image", image)
    assert "which came with ugpt" not in said.err
    assert "firmware 0.1.0" in said.err
    assert told.count("write 0x0") == 2
    said = ugpt("flash", "--port", uart.path, "--env", "esp32-s3-devkitc-1", status=1)
    assert "is for an ESP32-S3, but the board" in said.err
    assert told.count("write 0x0") == 2


def test_flash_builds_what_did_not_come_along(
    ugpt: Program, uart: Board, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = recorded_esptool(monkeypatch, "ESP32-C3")
    built = write_build(tmp_path / "build", ESP32_C3)

    def build(project: Path, environment: str, on_line: Callable[[str], None]) -> Path:
        told.append(f"build {environment}")
        return built

    monkeypatch.setattr("ugpt.cli.commands.flash.build", build)
    said = ugpt("flash", "--port", uart.path, "--env", "esp32-c3-devkitm-1")
    assert "which came with ugpt" not in said.err
    assert told[0] == "build esp32-c3-devkitm-1"
    ugpt("flash", "--port", uart.path, "--build")
    assert told.count("build esp32-c3-devkitm-1") == 2
    ugpt("flash", "--port", uart.path, "--build", "--env", "esp32dev")
    assert "build esp32dev" in told
    ugpt("flash", "--image", built, "--build", status=2)


def test_flash_without_an_image_for_the_chip_starts_it_again(
    ugpt: Program, uart: Board, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = recorded_esptool(monkeypatch, "ESP32-C3")
    said = ugpt("flash", "--port", uart.path, status=1)
    assert "No firmware for esp32-c3-devkitm-1 came with ugpt, only for esp32-s3-" in said.err
    assert "--build" in said.err
    assert told[-2:] == ["hard-reset", "close"]
    assert not any(word.startswith("write") for word in told)


def test_flash_outside_a_clone_knows_the_boards_of_its_images(
    ugpt: Program, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ugpt.cli.commands.flash.find_project", lambda: None)
    said = ugpt("flash", "--port", "/dev/does-not-exist", "--env", "pdp11", status=1)
    assert "No firmware for pdp11 came with ugpt, only for esp32-s3-devkitc-1, esp32dev" in said.err
    monkeypatch.setattr("ugpt.firmware.build.find_project", lambda: None)
    said = ugpt("flash", "--port", "/dev/does-not-exist", "--build", status=1)
    assert "sources of the firmware are not part" in said.err

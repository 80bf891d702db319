"""`ugpt flash` over a serial port: what it has esptool do, and when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.board import Board
from tests.support.esptool_log import recorded_esptool
from tests.support.firmware import ESP32, ESP32_S3, merged, write_build
from tests.support.in_process import Program


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
    assert uart.methods == []


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

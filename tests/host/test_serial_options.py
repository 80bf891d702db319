"""--port, --baud and --no-reset of every command, on a real pseudo-terminal with a board behind."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ugpt as library
from tests.support.board import Board, RecordingSerial
from tests.support.esptool_log import recorded_esptool
from tests.support.in_process import Program
from tests.support.waiting import happens

pytestmark = pytest.mark.long

NAMES = Path(__file__).parents[2] / "data" / "names.txt"
TRAIN = ("train", NAMES, "--plain", "--run", "R")

WITH_BAUD = {
    "info": ("info",),
    "sample": ("sample", "-n", "1"),
    "train": (*TRAIN, "--steps", "5"),
    "detach": (*TRAIN, "--steps", "5", "--detach"),
    "plan": ("plan",),
    "data push": ("data", "push", NAMES),
    "data info": ("data", "info"),
    "autorun": ("autorun", "off"),
    "attach": ("attach", "--run", "R", "--plain"),
    "resume": ("train", "--resume", "R", "--plain"),
    "stop": ("stop",),
}
NEED_MORE = {"load", "write"}
"""Commands that need a run or a pretrained model; they have tests of their own."""
WITHOUT_NO_RESET = {"bench": ("bench", "--seconds", "0.1")}
WITHOUT_BAUD = {"reset": ("reset",), "doctor": ("doctor",)}


def prepared(ugpt: Program, uart: Board, name: str) -> None:
    """What a command needs to find."""
    if name == "attach":
        ugpt(*TRAIN, "--steps", "300", "--detach", "--port", uart.path)
    elif name in ("resume", "stop"):
        ugpt(*TRAIN, "--steps", "300", "--port", uart.path)
    uart.drops_lines_at_close = True
    uart.forget_rate()
    uart.rates.clear()
    RecordingSerial.lines.clear()


def agreed_on(uart: Board, baud: int) -> bool:
    """Whether this rate was the first one agreed on.

    On a busy computer an answer can come too late: the line falls back to lower rates then.
    """
    return uart.rates[:1] == [baud] and max(uart.rates) == baud


def listed(page: str) -> list[str]:
    """The commands that a page of help lists."""
    return re.findall(r"^│ (\w+) {2,}", page, re.MULTILINE)


def test_every_command_with_these_options_is_tried(ugpt: Program) -> None:
    commands = [name for name in listed(ugpt("--help").out) if name != "data"]
    commands += [f"data {name}" for name in listed(ugpt("data", "--help").out)]
    pages = {name: ugpt(*name.split(), "--help").out for name in commands}
    with_baud = {name for name, page in pages.items() if "--baud" in page}
    with_no_reset = {name for name, page in pages.items() if "--no-reset" in page}
    baud_tried = {*WITH_BAUD, *WITHOUT_NO_RESET, "flash"} - {"detach", "resume"}
    no_reset_tried = {*WITH_BAUD, *WITHOUT_BAUD, "flash", "monitor"} - {"detach", "resume"}
    add = "add each command to WITH_BAUD, WITHOUT_BAUD, WITHOUT_NO_RESET or NEED_MORE, above"
    assert with_baud - NEED_MORE == baud_tried, add
    assert with_no_reset - NEED_MORE == no_reset_tried, add


@pytest.mark.parametrize("name", [*WITH_BAUD, *WITHOUT_NO_RESET])
def test_baud_is_the_highest_rate_used(ugpt: Program, uart: Board, name: str) -> None:
    arguments = (WITH_BAUD | WITHOUT_NO_RESET)[name]
    prepared(ugpt, uart, name)
    ugpt(*arguments, "--port", uart.path, "--baud", "230400")
    assert agreed_on(uart, 230400)
    assert uart.drops_lines_at_close


@pytest.mark.parametrize("name", WITH_BAUD)
def test_lines_are_kept_with_no_reset(ugpt: Program, uart: Board, name: str) -> None:
    prepared(ugpt, uart, name)
    ugpt(*WITH_BAUD[name], "--port", uart.path, "--no-reset")
    assert not uart.drops_lines_at_close
    assert agreed_on(uart, 921600)
    assert RecordingSerial.lines == [("dtr", True), ("rts", True)]


@pytest.mark.parametrize("no_reset", [False, True])
@pytest.mark.parametrize("name", WITHOUT_BAUD)
def test_lines_of_reset_and_doctor(ugpt: Program, uart: Board, name: str, no_reset: bool) -> None:
    prepared(ugpt, uart, name)
    ugpt(*WITHOUT_BAUD[name], "--port", uart.path, *["--no-reset"] * no_reset)
    assert uart.drops_lines_at_close is not no_reset
    assert "hello" in uart.methods


def interrupted_when(happened: Callable[[], bool]) -> threading.Thread:
    """Presses Ctrl-C as soon as something has happened, or after a while in any case."""

    def watch() -> None:
        happens(happened, timeout_s=20.0)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("no_reset", [False, True])
def test_monitor_keeps_the_first_rate_and_the_lines(
    ugpt: Program, uart: Board, no_reset: bool
) -> None:
    interrupt = interrupted_when(lambda: "status" in uart.methods)
    said = ugpt("monitor", "--port", uart.path, *["--no-reset"] * no_reset)
    interrupt.join()
    assert f"listening to {uart.path}" in said.err
    assert not uart.rates
    assert uart.drops_lines_at_close is not no_reset


def test_monitor_that_only_listens_sends_nothing(ugpt: Program, uart: Board) -> None:
    uart.repeat(b"kamon\r\n")
    interrupt = interrupted_when(lambda: uart.said_times > 10)
    said = ugpt("monitor", "--listen-only", "--port", uart.path)
    interrupt.join()
    assert "kamon" in said.out
    assert uart.methods == []


# Which rate is agreed on


def test_the_highest_rate_of_usual_bridges_is_used(ugpt: Program, uart: Board) -> None:
    said = ugpt("info", "--port", uart.path).out
    assert agreed_on(uart, 921600)
    assert f"{uart.rates[-1]:,} baud" in said


def test_a_rate_beyond_the_board_is_not_tried(ugpt: Program, uart: Board) -> None:
    uart.baud_max = 460_800
    ugpt("info", "--port", uart.path, "--baud", "921600")
    assert agreed_on(uart, 460800)


def test_a_rate_beyond_usual_bridges_is_used_when_named(ugpt: Program, uart: Board) -> None:
    uart.baud_max = 2_000_000
    ugpt("info", "--port", uart.path, "--baud", "1000000")
    assert agreed_on(uart, 1_000_000)


def test_the_first_rate_is_kept_when_named(ugpt: Program, uart: Board) -> None:
    assert "115,200 baud" in ugpt("info", "--port", uart.path, "--baud", "115200").out
    assert uart.rates == []


@pytest.mark.parametrize("baud", ["9599", "5000001", "fast"])
def test_rates_that_are_none(ugpt: Program, uart: Board, baud: str) -> None:
    assert "--baud" in ugpt("info", "--port", uart.path, "--baud", baud, status=2).err
    assert uart.methods == []


# A board that the command does not reach


def test_reset_uses_the_lines_where_no_command_is_understood(
    ugpt: Program, uart: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EN of usual boards is pulled low by RTS alone; DTR alone would choose download mode."""

    def awake(name: str, level: bool) -> None:
        if (name, level) == ("rts", False):
            uart.deaf = False

    uart.deaf = True
    monkeypatch.setattr(RecordingSerial, "on_change", awake)
    connect = library.Target.connect

    def hurried(target: library.Target) -> Any:
        return connect(target, open_timeout_s=0.8)

    monkeypatch.setattr(library.Target, "connect", hurried)
    said = ugpt("reset", "--port", uart.path)
    assert "restarted: firmware" in said.out
    in_reset = RecordingSerial.lines.index(("rts", True), 2)
    assert RecordingSerial.lines[in_reset - 1 : in_reset + 2] == [
        ("dtr", False), ("rts", True), ("rts", False),
    ]  # fmt: skip


def test_doctor_looks_at_the_chip_and_restarts_it(
    ugpt: Program, uart: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(
        device=uart.path, vid=0x10C4, pid=0xEA60, description="CP2102", serial_number="1"
    )
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda *_: [found])
    looked = recorded_esptool(monkeypatch)
    assert "ESP32 (revision 3), 4 MiB of flash" in ugpt("doctor", "--port", uart.path).out
    assert looked == [
        f"open {uart.path} default-reset",
        "stub",
        "baud 460800",
        "flash",
        "hard-reset",
        "close",
    ]
    looked.clear()
    uart.forget_rate()
    said = ugpt("doctor", "--port", uart.path, "--no-reset").out
    assert "would reset it" in said
    assert looked == []

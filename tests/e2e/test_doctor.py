"""`ugpt doctor` and `ugpt reset` as a user runs them."""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_bad_input import answering
from tests.support.commands import CommandLine
from tests.support.devices import listening_device

WORKING = {"port", "firmware", "flash regions", "echo", "link rate", "arithmetic"}


def findings(said: str) -> dict[str, dict[str, str]]:
    found = [json.loads(line) for line in said.splitlines()]
    return {finding["name"]: finding for finding in found}


def test_virtual_device(cli: CommandLine) -> None:
    said = cli("doctor")
    assert "no board is plugged in" in said
    assert "every bit is right" in said
    found = findings(cli("doctor", "--json"))
    assert {name for name, it in found.items() if it["state"] == "ok"} >= WORKING
    assert {it["state"] for it in found.values()} == {"ok", "skipped"}
    assert all(it["text"] for it in found.values())


@pytest.mark.parametrize("form", ["pty", "socket"])
async def test_listening_device(cli: CommandLine, tmp_path: Path, form: str) -> None:
    async with listening_device(form, tmp_path / "flash") as port:
        found = findings(cli("doctor", "--json", "--port", port))
        assert {name for name, it in found.items() if it["state"] == "ok"} >= WORKING
        cli("doctor", "--no-reset", "--port", port)


async def test_port_held_by_another(cli: CommandLine, tmp_path: Path) -> None:
    async with listening_device("pty", tmp_path / "flash") as port:
        with cli.running("monitor", "--port", port) as monitor:
            assert monitor.stderr is not None
            while "firmware" not in monitor.stderr.readline():
                pass
            found = findings(cli("doctor", "--json", "--port", port, code=1))
    assert found["other programs"]["state"] == "fail"
    assert f"process {monitor.pid}" in found["other programs"]["text"]
    assert found["firmware"]["state"] == "fail"


def test_absent_port(cli: CommandLine) -> None:
    said = cli("doctor", "--port", "/dev/does-not-exist", code=1)
    assert "there is no /dev/does-not-exist" in said
    assert "ugpt ports" in said


def test_other_firmware(cli: CommandLine) -> None:
    with answering(b"MicroPython v1.24 on ESP32\r\n>>> ") as port:
        found = findings(cli("doctor", "--json", "--port", port, code=1))
    assert "MicroPython" in found["firmware"]["text"]
    assert "ugpt flash" in found["firmware"]["advice"]


@pytest.fixture
def silent_terminal() -> Iterator[str]:
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_silent_port(cli: CommandLine, silent_terminal: str) -> None:
    assert "Nothing answers" in cli("doctor", "--port", silent_terminal, code=1)
    assert "Nothing answers" in cli.refused("reset", "--port", silent_terminal)


def test_download_mode(cli: CommandLine) -> None:
    words = b"rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT)\r\nwaiting for download\r\n"
    with answering(words) as port:
        said = cli.refused("info", "--port", port)
    assert "download mode" in said
    assert "without holding BOOT" in said


async def test_reset(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    async with listening_device("socket", tmp_path / "flash") as port:
        assert "no model" in cli("reset", "--port", port)
        cli("train", names, "--steps", "50", "--run", "R", "--port", port)
        before = json.loads(cli("info", "--json", "--port", port))["hello"]["boot"]
        assert "holds the model from step 50" in cli("reset", "--port", port)
        after = json.loads(cli("reset", "--json", "--port", port))["hello"]["boot"]
        assert before != after


@pytest.mark.parametrize("command", ["info", "train", "doctor"])
def test_a_board_that_does_not_start(cli: CommandLine, command: str) -> None:
    line = "E (48) flash_parts: partition 4 invalid - offset 0x1f0000 size 0x1e0000 exceeds flash"
    words = f"rst:0x3 (SW_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n{line} chip size 0x200000\r\n"
    arguments = [command, "names"] if command == "train" else [command]
    with answering(words.encode()) as port:
        done = cli.finished(*arguments, "--port", port, code=1)
    said = " ".join((done.stdout + done.stderr).split())
    assert "has a partition table for a larger flash than its 2 MiB" in said
    assert f"{line} chip size 0x200000" in said
    assert "4 MiB of flash" in said

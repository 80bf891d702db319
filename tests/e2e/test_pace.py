"""A virtual device at a board's pace: the same bits, a rate that is agreed on, and its own time."""

from __future__ import annotations

import asyncio
import json
import re
import string
from pathlib import Path

import pytest

from tests.support.commands import CommandLine, digest, losses
from tests.support.devices import listening_device
from ugpt.device.target import Target
from ugpt.rpc.messages import Recipe, Shape

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "golden.json").read_text())["standard"]
ESP32 = "at the pace of an ESP32 (estimated)"


def test_pace_changes_no_bit(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    said = cli("train", names, "--pace", "--plain", "--run", "R")
    assert digest(tmp_path / "R") == GOLDEN["weights_sha256"]
    assert f"training on virtual device (board esp32) {ESP32}\n" in said
    assert cli("sample", "--pace", "--seed", "7") == cli("sample", "--seed", "7")


@pytest.mark.parametrize("form", ["pty", "tcp"])
def test_the_rate_is_raised_as_with_a_board(tmp_path: Path, form: str) -> None:
    async def reached() -> tuple[int, int, int, str]:
        async with (
            listening_device(form, tmp_path / "flash", "--pace") as port,
            Target(port).connect() as device,
        ):
            first = device.stats.baud
            await device.reset()
            return first, device.stats.baud, device.hello.clock_hz, device.description

    first, after_restart, clock_hz, description = asyncio.run(reached())
    assert (first, after_restart, clock_hz) == (921_600, 921_600, 240_000_000)
    assert ESP32 in description


def test_without_pace_there_is_no_rate(tmp_path: Path) -> None:
    async def reached() -> tuple[int, int, str]:
        async with Target("virtual", flash=tmp_path / "flash").connect() as device:
            return device.stats.baud, device.hello.clock_hz, device.description

    assert asyncio.run(reached()) == (0, 0, "virtual device (board esp32)")


def test_a_step_takes_no_less_than_estimated(tmp_path: Path) -> None:
    """Sixteen positions: more than 340,000 cycles of two cores at 240 MHz."""

    async def step_us() -> int:
        async with Target(flash=tmp_path / "flash", pace=True).connect() as device:
            shape, recipe = Shape(1, 16, 4, 16, 27), Recipe(0.01, 0.85, 0.99, 1e-8, 1)
            await device.create(1, shape, recipe, string.ascii_lowercase)
            await device.documents_write(0, [bytes(15)])
            await device.train(1)
            while (status := await device.status()).step < 1:
                pass
            return status.step_us

    assert asyncio.run(step_us()) > 1_400


def test_sim_says_that_it_is_paced(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    with cli.running("sim", "--pace", "--flash", tmp_path / "flash") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("virtual device (board esp32, at its estimated pace) at ")
        port = line.split()[-1]
        cli("train", names, "--steps", "20", "--run", "R", "--port", port)
        process.terminate()
        assert process.wait(10) == 143


def test_a_run_that_goes_on_by_itself_is_watched_at_the_same_pace(
    cli: CommandLine, tmp_path: Path, names: Path
) -> None:
    said = cli("train", names, "--pace", "--steps", "300", "--run", "R", "--detach")
    assert "ugpt attach --pace\n" in said
    assert ESP32 in cli("attach", "--pace", "--plain")
    assert len(losses(tmp_path / "R")) == 300


@pytest.mark.parametrize("command", [("train", "FILE", "--run", "R"), ("sample",), ("attach",)])
def test_a_board_keeps_its_own_pace(
    cli: CommandLine, tmp_path: Path, names: Path, command: tuple[str, ...]
) -> None:
    words = [str(names) if word == "FILE" else word for word in command]
    said = cli.refused(*words, "--pace", "--port", "/dev/ttyUSB0", code=2)
    assert "--pace is for the virtual device, and --port /dev/ttyUSB0 names another one" in said
    assert not (tmp_path / "R").exists()


def test_the_pace_of_an_unknown_board(cli: CommandLine) -> None:
    for command in (("sim", "--pace"), ("plan",), ("data", "check", "names")):
        said = cli.refused(*command, "--board", "pdp11", code=2)
        assert (
            said
            == "error: There is no board 'pdp11'; there are: esp32 esp32s3 esp32s3-psram esp32c3."
        )


def test_a_board_of_unknown_speed_keeps_no_pace(cli: CommandLine, tmp_path: Path) -> None:
    command = ("sim", "--pace", "--board", "esp32c3", "--flash", tmp_path / "flash")
    said = cli.refused(*command, code=2)
    assert "Nothing is known of the speed of a board 'esp32c3'" in said


def test_boards_that_were_not_looked_at_say_so(tmp_path: Path) -> None:
    async def described(board: str) -> str:
        async with Target("virtual", board=board, flash=tmp_path / board).connect() as device:
            return device.description

    for board in ("esp32s3", "esp32s3-psram", "esp32c3"):
        said = asyncio.run(described(board))
        assert said == f"virtual device (board {board}, its memory estimated)"


async def test_a_rate_that_is_left_over_is_not_taken_for_the_first(
    cli: CommandLine, tmp_path: Path
) -> None:
    """The line is simulated; no more than its rate may be measured."""
    async with listening_device("tcp", tmp_path / "flash", "--pace") as port:
        async with Target(port).connect() as device:
            assert device.stats.baud == 921_600
        said = await asyncio.to_thread(cli, "doctor", "--port", port)
    shares = re.findall(r"(\d+)% of the line that is simulated", said)
    assert len(shares) == 4
    assert all(int(share) <= 101 for share in shares)
    assert "cable" not in said

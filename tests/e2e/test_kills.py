"""`kill -9` costs what came after the last checkpoint, and the run folder says what that was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import CommandLine, digest, events_until_step

LONG = ("--steps", "30000", "--run", "R")


@pytest.fixture(scope="module")
def straight(
    tmp_path_factory: pytest.TempPathFactory, command_line: Callable[[Path], CommandLine]
) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    names = Path(__file__).parents[2] / "data" / "names.txt"
    command_line(folder)("train", names, *LONG)
    return folder / "R"


@pytest.mark.parametrize("flash", ["kept", "lost"])
@pytest.mark.parametrize("torn", [False, True])
def test_it_goes_on_from_the_last_checkpoint(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path, flash: str, torn: bool
) -> None:
    run = tmp_path / "R"
    with cli.running("train", names, *LONG, "--save-every", "1000", "--json") as process:
        events_until_step(process, 5200)
        process.kill()
        process.wait(20)
    if torn:
        content = (run / "metrics.jsonl").read_bytes()
        (run / "metrics.jsonl").write_bytes(content[:50_000] + b"\0" * 3000)
    if flash == "lost":
        (tmp_path / "state" / "ugpt" / "virtual-esp32.flash").unlink()
    events = [json.loads(line) for line in cli("train", "--resume", "R", "--json").splitlines()]
    (started,) = [event for event in events if event["event"] == "started"]
    assert started["resumed"]
    assert started["step"] >= 5000
    assert started["step"] % 1000 == 0
    assert digest(run) == digest(straight)
    told = [event["text"] for event in events if event["event"] == "notice"]
    assert any("a gap is left" in text for text in told) == torn
    if not torn:
        assert (run / "metrics.jsonl").read_bytes() == (straight / "metrics.jsonl").read_bytes()


def test_it_says_that_it_begins_again(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path
) -> None:
    with cli.running("train", names, *LONG, "--json") as process:
        events_until_step(process, 500)
        process.kill()
        process.wait(20)
    said = cli("train", "--resume", "R", "--plain")
    assert "begins again with step 1: no checkpoint of it had been saved" in said
    assert digest(tmp_path / "R") == digest(straight)


def test_a_stop_while_steps_are_done_again(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    with cli.running("train", names, *LONG, "--save-every", "never", "--json") as process:
        events_until_step(process, 3000)
        process.kill()
        process.wait(20)
    known = len((tmp_path / "R" / "metrics.jsonl").read_bytes().splitlines())
    with cli.running("train", "--resume", "R", "--pace", "--json") as process:
        events_until_step(process, 50)
        process.terminate()
        out, said = process.communicate(timeout=60)
    events = map(json.loads, out.splitlines())
    (stopped,) = [event for event in events if event["event"] == "stopped"]
    assert 50 <= stopped["step"] == stopped["saved_step"] < known
    assert f"Stopped after step {stopped['step']:,}; all is kept in R." in said


def test_a_checkpoint_every_second(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path
) -> None:
    arguments = ("--save-every", "1s", "--pace", "--json", "--steps", "30000", "--run", "R")
    with cli.running("train", names, *arguments) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "saved":
                break
        process.kill()
        process.wait(20)
    assert event["on_device"]
    with cli.running("train", "--resume", "R", "--json") as process:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
    assert started["step"] == event["step"] > 0


@pytest.mark.parametrize("value", ["soon", "-1", "1.5m", "0s"])
def test_a_period_that_is_none(cli: CommandLine, names: Path, value: str) -> None:
    said = cli.finished("train", names, "--save-every", value, code=2).stderr
    assert "a time such as 30s" in " ".join(said.replace("│", " ").split())

"""Whatever happens on the way, the same command ends with the same weights."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import CommandLine, Process, digest, events_until_step, losses
from tests.support.devices import listening_device
from ugpt.device import virtual

STEPS = 6000
TRAIN = ("--steps", str(STEPS), "--json", "--run", "R")
PAUSE_S = 0.6
"""Longer than a host ever waits before it repeats what is answered at once."""


@pytest.fixture(scope="module")
def straight(
    tmp_path_factory: pytest.TempPathFactory, command_line: Callable[[Path], CommandLine]
) -> Path:
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("straight")
    names = Path(__file__).parents[2] / "data" / "names.txt"
    command_line(folder)("train", names, *TRAIN)
    return folder / "R"


def check(run: Path, straight: Path) -> None:
    assert digest(run) == digest(straight)
    assert (run / "metrics.jsonl").read_bytes() == (straight / "metrics.jsonl").read_bytes()
    assert (run / "samples.txt").read_bytes() == (straight / "samples.txt").read_bytes()


def test_once_more(cli: CommandLine, tmp_path: Path, names: Path, straight: Path) -> None:
    cli("train", names, *TRAIN)
    check(tmp_path / "R", straight)
    assert len(losses(straight)) == STEPS


@pytest.mark.parametrize("options", [("1280", "1"), ("2048", "3"), ("8192", "16")])
async def test_frames_and_windows(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path, options: tuple[str, str]
) -> None:
    frame_bytes, window = options
    extra = ("--frame-bytes", frame_bytes, "--window", window)
    async with listening_device("socket", tmp_path / "flash", *extra) as port:
        cli("train", names, *TRAIN, "--port", port)
    check(tmp_path / "R", straight)


def test_saving_on_the_way(cli: CommandLine, tmp_path: Path, names: Path, straight: Path) -> None:
    said = cli("train", names, *TRAIN, "--save-every", "2500")
    events = [json.loads(line) for line in said.splitlines()]
    saved = [event["step"] for event in events if event["event"] == "saved"]
    assert saved == [2500, 5000, 6000]
    check(tmp_path / "R", straight)


def test_interrupted_and_resumed(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path
) -> None:
    with cli.running("train", names, *TRAIN) as process:
        events_until_step(process, 500)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "ugpt train --resume R" in said
    assert 500 <= len(losses(tmp_path / "R")) < STEPS
    cli("train", "--resume", "R", "--plain")
    check(tmp_path / "R", straight)


async def test_resumed_on_another_device(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path
) -> None:
    with cli.running("train", names, *TRAIN) as process:
        events_until_step(process, 500)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    async with listening_device("pty", tmp_path / "other.flash") as port:
        said = cli("train", "--resume", "R", "--plain", "--port", port)
    assert "from the checkpoint in the run folder" in said
    check(tmp_path / "R", straight)


def test_host_killed_and_metrics_torn(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path
) -> None:
    with cli.running("train", names, *TRAIN) as process:
        events_until_step(process, 500)
        process.kill()
    with (tmp_path / "R" / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 12')
    cli("train", "--resume", "R", "--plain")
    check(tmp_path / "R", straight)


@pytest.mark.parametrize("saving", [(), ("--save-every", "400")])
def test_device_killed(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path, saving: tuple[str, ...]
) -> None:
    recording = tmp_path / "device"
    recording.write_text(
        f'#!/bin/sh\necho $$ > "{tmp_path}/pid"\nexec "{virtual.program()}" "$@"\n'
    )
    recording.chmod(0o755)
    environment = {virtual.PROGRAM_VARIABLE: str(recording)}
    with cli.running("train", names, *TRAIN, *saving, env=environment) as process:
        events_until_step(process, 1000)
        pid = (tmp_path / "pid").read_text()
        os.kill(int(pid), signal.SIGKILL)
        assert process.stdout is not None
        output = process.stdout.read()
        assert process.wait(60) == 0
    assert (tmp_path / "pid").read_text() != pid
    events = [json.loads(line) for line in output.splitlines()]
    restored = [event["step"] for event in events if event["event"] == "restored"]
    assert len(restored) == 1
    assert (restored[0] > 0) == bool(saving)
    assert not [event for event in events if event["event"] == "notice"]
    check(tmp_path / "R", straight)


def suspend(process: Process) -> None:
    """Lets time pass for a host that cannot act meanwhile."""
    process.send_signal(signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
    time.sleep(PAUSE_S)  # not a wait for anything: whatever the host has asked for gets overdue
    process.send_signal(signal.SIGCONT)


@pytest.mark.own_process
async def test_pauses(cli: CommandLine, tmp_path: Path, names: Path, straight: Path) -> None:
    async with listening_device("socket", tmp_path / "flash") as port:
        with cli.running("train", names, *TRAIN, "--port", port) as process:
            for step in (300, 1300, 2300):
                events_until_step(process, step)
                suspend(process)
            _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    check(tmp_path / "R", straight)

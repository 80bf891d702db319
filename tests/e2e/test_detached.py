"""A board on its own: whatever is pulled, the weights are those of a watched run."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import ugpt
from tests.support.commands import CommandLine, Process, digest, events_until_step, losses
from tests.support.devices import device_process, listening_device
from tests.support.in_process import Program, program
from tests.support.waiting import happens, until
from ugpt import DeviceState, Status
from ugpt.device import virtual

STEPS = 20_000


@pytest.fixture
def ugpt_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    return program(tmp_path, monkeypatch, capsys)


SHORT = ("--steps", "3000", "--run", "R")
LONG = ("--steps", str(STEPS), "--run", "R")


@pytest.fixture(scope="module")
def straight(
    tmp_path_factory: pytest.TempPathFactory, command_line: Callable[[Path], CommandLine]
) -> Path:
    """The folder of a run that was watched and not disturbed."""
    folder = tmp_path_factory.mktemp("straight")
    names = Path(__file__).parents[2] / "data" / "names.txt"
    command_line(folder)("train", names, *LONG, "--plain")
    return folder / "R"


def check(run: Path, straight: Path) -> None:
    assert digest(run) == digest(straight)
    assert (run / "metrics.jsonl").read_bytes() == (straight / "metrics.jsonl").read_bytes()
    assert (run / "samples.txt").read_bytes() == (straight / "samples.txt").read_bytes()
    assert (run / "loss.png").exists()
    assert (run / "checkpoint.safetensors").exists()


def steps_until(attached: Process, step: int) -> None:
    """Reads JSON lines up to the loss of a step; the start may be told of at a later one."""
    assert attached.stdout is not None
    for line in attached.stdout:
        event = json.loads(line)
        if event["event"] == "step" and event["step"] >= step:
            return
    raise AssertionError(f"it ended before step {step}: {attached.stderr}")


async def wait_for(port: str, step: int) -> Status:
    """Looks at a device now and then until it has come that far."""

    async def reached() -> Status | None:
        async with ugpt.connect(port) as device:
            status = await device.status()
        return status if status.step >= step else None

    return await until(reached)


async def test_detached_and_attached(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path
) -> None:
    async with listening_device("socket", tmp_path / "flash") as port:
        said = cli("train", names, *LONG, "--detach", "--port", port)
        assert f"ugpt attach --port {port}" in said
        assert [path.name for path in (tmp_path / "R").iterdir()] == ["config.toml"]
        notes = tmp_path / "state" / "ugpt" / "runs"
        assert len(list(notes.iterdir())) == 1
        said = cli("attach", "--port", port, "--plain")
        assert "mean loss" in said
        assert not list(notes.iterdir())
        assert (await wait_for(port, STEPS)).saved_step == STEPS
        # Nothing is left to do, and attaching again does it again.
        said = cli("attach", "--port", port, "--run", "R", "--plain")
        assert "the run is complete\n" in said
        assert "goes on" not in said
    check(tmp_path / "R", straight)


async def test_init_of_microgpt(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    shape = ("--n-layer", "2", "--n-embd", "12", "--n-head", "3", "--seed", "7")
    options = (*shape, "--init", "microgpt", "--steps", "1500")
    cli("train", names, *options, "--run", "watched")
    async with listening_device("socket", tmp_path / "flash") as port:
        cli("train", names, *options, "--run", "alone", "--detach", "--port", port)
        cli("attach", "--port", port)
    check(tmp_path / "alone", tmp_path / "watched")


def cut_the_power(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)


async def test_power_cuts(cli: CommandLine, tmp_path: Path, names: Path, straight: Path) -> None:
    flash = tmp_path / "flash"
    with device_process(flash) as (process, port):
        cli("train", names, *LONG, "--detach", "--save-every", "700", "--port", port)
        await wait_for(port, 2000)
        cut_the_power(process)
    with device_process(flash) as (process, port):
        status = await wait_for(port, 6000)
        assert status.run_id
        cut_the_power(process)
    with device_process(flash) as (process, port):
        cli("attach", "--port", port, "--run", "R")
        assert (await wait_for(port, STEPS)).state is DeviceState.IDLE
    check(tmp_path / "R", straight)


async def test_power_cut_while_attached(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path
) -> None:
    flash = tmp_path / "flash"
    with device_process(flash) as (process, port):
        cli("train", names, *LONG, "--detach", "--port", port)
        with cli.running("attach", "--port", port, "--json") as attached:
            steps_until(attached, 1500)
            cut_the_power(process)
            with device_process(flash, port=int(port.rpartition(":")[2])):
                assert attached.stdout is not None
                # Not communicate(), which knows nothing of what has been buffered here.
                events = [json.loads(line) for line in attached.stdout]
                assert attached.wait(20) == 0
    assert [event for event in events if event["event"] == "interrupted"]
    assert [event for event in events if event["event"] == "restored"]
    assert events[-1]["event"] == "finished"
    check(tmp_path / "R", straight)


@asynccontextmanager
async def slow_run(cli: CommandLine, folder: Path, names: Path) -> AsyncIterator[str]:
    """The address of a device with a long run of its own."""
    async with listening_device("socket", folder / "flash") as port:
        # Slow enough that the board has kept every loss when somebody looks.
        long = ("--batch", "32", "--steps", "1000000", "--run", "R")
        cli("train", names, *long, "--detach", "--port", port)
        yield port


async def test_leaving_does_not_stop_it(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    async with slow_run(cli, tmp_path, names) as port:
        with cli.running("attach", "--port", port, "--json") as attached:
            steps_until(attached, 100)
            attached.send_signal(signal.SIGINT)
            _, said = attached.communicate(timeout=30)
        assert attached.returncode == 130
        assert "the board goes on" in said
        recorded = losses(tmp_path / "R")
        assert len(recorded) >= 100
        await wait_for(port, len(recorded) + 100)
        # While it trains it can be asked for texts, and describe what it holds.
        assert len(cli("sample", "-n", "3", "--port", port).splitlines()) == 3
        assert "training" in cli("info", "--port", port)
        assert "trains by itself" in cli.refused(
            "data", "push", names, "--seed", "1", "--port", port
        )


async def test_restart_that_saves_first(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    async with listening_device("socket", tmp_path / "flash") as port:
        shape = ("--n-embd", "24", "--steps", "1000000", "--save-every", "never", "--run", "R")
        cli("train", names, *shape, "--detach", "--port", port)
        reached = await wait_for(port, 500)
        cli("reset", "--port", port)
        again = await wait_for(port, 1)
        assert again.state is DeviceState.TRAINING
        assert again.step >= again.saved_step >= reached.step > reached.saved_step


def is_free(flash: Path) -> bool:
    """Whether no device uses a flash file."""
    with flash.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_own_virtual_device_never_goes_back(
    cli: CommandLine, tmp_path: Path, names: Path, number: signal.Signals
) -> None:
    """It ends with each command, and goes on from where it stood with the next."""
    shape = ("--steps", "16000000", "--save-every", "never", "--run", "R")
    cli("train", names, *shape, "--detach")
    told = 0
    for _ in range(3):
        with cli.running("attach", "--json") as attached:
            assert attached.stdout is not None
            assert attached.stderr is not None
            started = json.loads(attached.stdout.readline())
            assert started["step"] >= told
            steps_until(attached, started["step"] + 1000)
            attached.send_signal(number)
            lines = [line for line in attached.stdout if line.endswith("\n")]
            said = attached.stderr.read()
        steps = [json.loads(line).get("step", 0) for line in lines]
        told = max(steps, default=started["step"] + 1000)
        if number != signal.SIGKILL:
            found = re.search(r"Left after step ([\d,]+);", said)
            assert found, said
            told = int(found[1].replace(",", ""))
        assert told > started["step"]
        # After a kill it ends by itself, soon.
        assert happens(lambda: is_free(tmp_path / "state" / "ugpt" / "virtual-esp32.flash"))


def test_a_device_that_ends_before_the_first_step(
    ugpt_here: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: Path, straight: Path
) -> None:
    """The power goes once in each part of what `--detach` does, and the command goes on."""
    lives = tmp_path / "lives"
    device = tmp_path / "device"
    real = shlex.quote(str(virtual.program()))
    # After so many bytes: the data set is being erased, half there, whole; the first checkpoint.
    device.write_text(
        "#!/bin/sh\n"
        f"echo >> {lives}; case $(wc -l < {lives}) in 1) cut=3000;; 2) cut=60000;; 3) cut=99000;;"
        f' *) exec {real} "$@";; esac\n'
        f'exec {real} "$@" --power-cut-after $cut\n'
    )
    device.chmod(0o755)
    ugpt_here("info")  # makes the flash
    monkeypatch.setenv(virtual.PROGRAM_VARIABLE, str(device))
    said = ugpt_here("train", names, *LONG, "--detach").err
    assert said.count("Trying again.") == 3
    ugpt_here("attach", "--run", "R")
    check(tmp_path / "R", straight)


async def test_taken_over_by_a_watched_run(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path
) -> None:
    async with listening_device("socket", tmp_path / "flash") as port:
        cli("train", names, *LONG, "--detach", "--port", port)
        await wait_for(port, 1000)
        said = cli("train", "--resume", "R", "--plain", "--port", port)
        # The board may have come to the end meanwhile.
        assert re.search(r"goes on after step .* from the device|the run is complete", said)
    check(tmp_path / "R", straight)


async def test_watched_run_let_alone(
    cli: CommandLine, tmp_path: Path, names: Path, straight: Path
) -> None:
    async with listening_device("socket", tmp_path / "flash") as port:
        with cli.running("train", names, *LONG, "--json", "--port", port) as process:
            events_until_step(process, 500)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        cli("train", "--resume", "R", "--detach", "--port", port)
        cli("attach", "--port", port)
    check(tmp_path / "R", straight)


def test_virtual_device_of_the_command(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    process = cli.finished("train", names, *SHORT, "--detach", "--json")
    (line,) = process.stdout.splitlines()
    started = json.loads(line)
    assert started["event"] == "detached"
    assert started["total_steps"] == 3000
    said = cli.finished(
        "train", names, "--steps", "3000", "--run", "R2", "--detach", "--overwrite"
    ).stderr
    assert "The virtual device stops when this command exits; the run is saved" in said
    assert re.search(r"To keep one running: `.*ugpt sim`\.", said)
    listed = [json.loads(line) for line in cli("runs", "--json").splitlines()]
    assert {run["name"]: run["state"] for run in listed} == {"R": "interrupted", "R2": "detached"}
    cli("attach")
    assert len(losses(tmp_path / "R2")) == 3000


async def test_longer_than_the_board_remembers(
    cli: CommandLine, tmp_path: Path, names: Path
) -> None:
    steps = 70_000
    async with listening_device("socket", tmp_path / "flash") as port:
        cli("train", names, "--steps", str(steps), "--run", "R", "--detach", "--port", port)
        await wait_for(port, steps)
        said = cli("attach", "--port", port, "--plain")
    assert f"of {steps:,} steps; metrics.jsonl has a gap for each of the others" in said
    lines = (tmp_path / "R" / "metrics.jsonl").read_text().splitlines()
    found = {entry["step"]: entry["loss"] for entry in map(json.loads, lines)}
    # Every fourth one from flash, and the last ones from the memory of the board.
    assert set(range(1, steps + 1, 4)) <= found.keys()
    assert set(range(steps - 1000, steps + 1)) <= found.keys()
    assert len(found) < steps / 3
    cli("train", names, "--steps", str(steps), "--run", "watched")
    assert digest(tmp_path / "R") == digest(tmp_path / "watched")
    watched = losses(tmp_path / "watched")
    assert all(watched[step - 1] == loss for step, loss in found.items())


def test_a_long_curve_after_a_power_cut(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    """The flash alone tells the whole curve, also if the power goes while its stride doubles."""

    async def saved(port: str) -> bool | None:
        async with ugpt.connect(port) as device:
            return (await device.status()).saved_step == steps or None

    steps, flash = 32_000, tmp_path / "flash"
    run = ("train", names, "--steps", str(steps), "--run", "R", "--detach", "--save-every", "4000")
    with device_process(flash, "--flash-log", str(tmp_path / "log")) as (process, port):
        cli(*run, "--port", port)
        asyncio.run(wait_for(port, steps))
        cut_the_power(process)
    acts = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    written = 0
    cuts = []
    for name, region, _, size in acts:
        if (name, region, size) == ("erase", "loss_history", "4096"):
            cuts += [written + 2000, written + 4096 + 1500]  # half erased; half merged
        written += int(size)
    assert len(cuts) == 2 * 16
    for cut in (*cuts[:4], *cuts[-2:]):
        shutil.rmtree(tmp_path / "R")
        flash.unlink()
        with device_process(flash, "--power-cut-after", str(cut)) as (process, port):
            cli(*run, "--port", port)
            process.wait(30)
        with device_process(flash) as (process, port):
            asyncio.run(until(lambda port=port: saved(port)))
            cut_the_power(process)
        with device_process(flash) as (_, port):
            cli("attach", "--run", "R", "--port", port)
        lines = (tmp_path / "R" / "metrics.jsonl").read_text().splitlines()
        found = [json.loads(line)["step"] for line in lines]
        assert found == [*range(1, steps + 1, 2), steps]


def test_nothing_to_attach_to(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    assert "holds no run" in cli.refused("attach")
    cli("train", names, *SHORT)
    (tmp_path / "R").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "config.toml").rename(tmp_path / "config.toml")
    assert "No run folder here" in cli.refused("attach")
    assert "not a run folder" in cli.refused("attach", "--run", "nowhere")


def test_another_run_on_the_board(cli: CommandLine, names: Path) -> None:
    cli("train", names, "--steps", "20", "--run", "first")
    cli("train", names, "--steps", "20", "--run", "second")
    assert "another run" in cli.refused("attach", "--run", "first")


async def test_run_that_needs_a_host(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    async with listening_device("socket", tmp_path / "flash") as port:
        with cli.running("train", names, *LONG, "--json", "--port", port) as process:
            events_until_step(process, 500)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        assert "--resume R" in cli.refused("attach", "--port", port)


def test_text_that_does_not_fit(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("abcdefghijklmnop\n" * 80_000)
    said = cli.refused("train", "long.txt", "--detach", "--run", "R")
    assert "without --detach" in said
    assert not (tmp_path / "R").exists()


def test_data_commands(cli: CommandLine, names: Path) -> None:
    assert "holds no complete data set" in cli.refused("data", "info")
    said = cli("data", "push", names)
    assert "is on the board now" in said
    assert "already" in cli("data", "push", names)
    described = json.loads(cli("data", "info", "--json"))
    assert described["documents"] == len(names.read_text().split())
    assert described["token_bytes"] == 1
    assert f"{described['documents']:,}" in cli("data", "info")
    pushed = json.loads(cli("data", "push", names, "--seed", "5", "--json"))
    assert pushed["was_there"] is False
    assert "no file" in cli.refused("data", "push", "absent.txt")


def test_sample_for_ever(cli: CommandLine, names: Path) -> None:
    cli("train", names, "--steps", "200", "--run", "R")
    with cli.running("sample", "--forever", "--seed", "3") as process:
        assert process.stdout is not None
        texts = [process.stdout.readline().rstrip("\n") for _ in range(50)]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert texts == cli("sample", "-n", "50", "--seed", "3").splitlines()


@pytest.mark.parametrize("name", ["attach", "autorun", "flash", "monitor", "reset", "doctor"])
def test_help_has_examples(cli: CommandLine, name: str) -> None:
    said = cli(name, "--help")
    assert "Examples:" in said
    assert f"ugpt {name}" in said


@pytest.mark.parametrize("name", ["push", "info"])
def test_help_of_data_has_examples(cli: CommandLine, name: str) -> None:
    assert f"ugpt data {name}" in cli("data", name, "--help")

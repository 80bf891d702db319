"""The virtual device as a program: when it ends, with which status, and what it says."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import resource
import select
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ugpt
from tests.support.commands import CommandLine, events_until_step
from tests.support.processes import left_running, running
from tests.support.waiting import happens, until
from ugpt import Recipe, Shape
from ugpt.device import virtual
from ugpt.rpc.messages import Source

pytestmark = pytest.mark.own_process

TIMEOUT_S = 20.0


def finished(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the device with nothing on its standard input, until it ends by itself."""
    return subprocess.run(
        [virtual.program(), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=TIMEOUT_S, check=False,
    )  # fmt: skip


@contextmanager
def device(
    flash: Path, *arguments: str, stdin: int = subprocess.PIPE
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A device, and where it says that it listens; killed at the end if it still runs."""
    command = virtual.command("esp32", flash, ["--listen", "127.0.0.1:0", *arguments])
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=stdin, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port.startswith("socket://")
            yield process, port
        finally:
            process.kill()


def answers(port: str) -> bool:
    """Whether a device is there for a host, and still is after some rounds of talk."""

    async def talk() -> bool:
        async with ugpt.connect(port) as device:
            return all([await device.ping(bytes([n])) == bytes([n]) for n in range(20)])

    return asyncio.run(talk())


# How it ends


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with device(tmp_path / "flash") as (process, _):
        process.send_signal(number)
        assert process.wait(TIMEOUT_S) == 0


async def begin_without_host(port: str) -> None:
    async with ugpt.connect(port) as device:
        shape = Shape(n_layer=1, n_embd=8, n_head=2, block_size=8, vocab_size=3)
        await device.create(9, shape, Recipe(0.01, 0.85, 0.99, 1e-8, 16_000_000), "ab")
        await device.init_weights(1)
        await device.data_store([b"\x00\x01"], 3)
        await device.train(16_000_000, source=Source.FLASH)


async def step_from(port: str, least: int) -> int:
    """The step of the device once that is at least `least`."""
    async with ugpt.connect(port) as device:

        async def reached() -> int | None:
            step = (await device.status()).step
            return step if step >= least else None

        return await until(reached)


@pytest.mark.parametrize("by_signal", [True, False])
def test_however_it_is_asked_to_end_it_keeps_a_run_that_needs_no_host(
    tmp_path: Path, by_signal: bool
) -> None:
    with device(tmp_path / "flash", "--end-with-stdin") as (process, port):
        asyncio.run(begin_without_host(port))
        told = asyncio.run(step_from(port, 100))
        if by_signal:
            process.terminate()
        else:
            assert process.stdin is not None
            process.stdin.close()
        assert process.wait(TIMEOUT_S) == 0
    with device(tmp_path / "flash") as (_, port):
        assert asyncio.run(step_from(port, 0)) >= told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_was_ignored_at_the_start_stays_ignored(
    tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with device(tmp_path / "flash") as (process, port):
            process.send_signal(number)
            assert answers(port)
    finally:
        signal.signal(number, before)


def test_the_end_of_its_standard_streams_ends_it(tmp_path: Path) -> None:
    done = finished("--flash", tmp_path / "flash", "--stdio")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_with_stdin_it_ends_when_told_to(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with device(tmp_path / "flash", "--end-with-stdin", stdin=reader) as (process, port):
        os.write(writer, b"what comes through it means nothing\n")
        assert happens(lambda: select.select([reader], [], [], 0)[0] == [])  # it has been read
        assert answers(port)
        os.close(writer)
        assert process.wait(TIMEOUT_S) == 0
    os.close(reader)


def test_without_being_told_it_outlives_its_starter(tmp_path: Path) -> None:
    """As started from a shell by a person who then leaves."""
    flash, said = tmp_path / "flash", tmp_path / "said"
    said.write_text("")
    device = f'"{virtual.program()}" --listen 127.0.0.1:0 --flash "{flash}"'
    # A guard ends it when the pipe does, so that it does not outlive a test that is killed.
    command = (
        f'exec 3<&0; {device} </dev/null 3<&- >>"{said}" 2>&1 &\n'
        "{ cat <&3; kill $!; } >/dev/null 2>&1 &"
    )
    reader, writer = os.pipe()
    subprocess.run(["sh", "-c", command], stdin=reader, check=True)
    os.close(reader)
    assert happens(lambda: said.read_text().endswith("\n"))
    assert answers(said.read_text().strip())
    os.close(writer)
    assert not left_running(str(flash))


# Killed starters leave nothing behind


@pytest.mark.parametrize("link", [("--pty",), ("--listen", "127.0.0.1:0")])
def test_killed_sim_takes_its_device_along(
    cli: CommandLine, tmp_path: Path, link: tuple[str, ...]
) -> None:
    flash = tmp_path / "killed.flash"
    with cli.running("sim", *link, "--flash", flash) as process:
        assert process.stdout is not None
        port = process.stdout.readline().split()[-1]
        assert [words for words in running(str(flash)).values() if "ugpt-device" in words]
        process.kill()
        process.wait(TIMEOUT_S)
        assert not left_running(str(flash))
    if link[0] == "--listen":
        address = port.removeprefix("socket://")
        with cli.running("sim", "--listen", address, "--flash", flash) as process:
            assert process.stdout is not None
            assert process.stdout.readline().split()[-1] == port


def test_killed_training_takes_its_device_along(
    cli: CommandLine, tmp_path: Path, names: Path
) -> None:
    flash = tmp_path / "state"  # where the device of a command keeps it
    arguments = ("--steps", "1000000", "--json", "--run", "R")
    with cli.running("train", names, *arguments) as process:
        events_until_step(process, 200)
        assert [words for words in running(str(flash)).values() if "ugpt-device" in words]
        process.kill()
        process.wait(TIMEOUT_S)
        assert not left_running(str(flash))


# What it refuses


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--flash"], "'--flash' is unknown or lacks a value; see --help"),
        (["--flash", "F", "--loud", "1"], "'--loud 1' is not understood"),
        (["--flash", "F", "--board", "pdp11"], "there is no board 'pdp11'; there are: esp32"),
        (["--flash", "F", "--frame-bytes", "1279"], "'--frame-bytes 1279' is not understood"),
        (["--flash", "F", "--frame-bytes", "8193"], "'--frame-bytes 8193' is not understood"),
        (["--flash", "F", "--window", "0"], "'--window 0' is not understood"),
        (["--flash", "F", "--window", "17"], "'--window 17' is not understood"),
        (["--flash", "F", "--window", "4x"], "'--window 4x' is not understood"),
        (["--flash", "F", "--window", "-1"], "'--window -1' is not understood"),
        (["--flash", "F", "--power-cut-after", "0"], "'--power-cut-after 0' is not understood"),
        (["--flash", "F", "--listen", "5555"], "5555 is not HOST:PORT"),
        (["--flash", "F", "--listen", "::1:5555"], "::1:5555 is not HOST:PORT"),
        (["--flash", "F", "--listen", "127.0.0.1:none"], "cannot listen on 127.0.0.1:none"),
        (["--flash", "F", "--listen", "127.0.0.1:99999"], "cannot listen on 127.0.0.1:99999"),
        (["--flash", "F", "--listen", "127.0.0.1:"], "cannot listen on 127.0.0.1:"),
        (
            ["--flash", "F", "--listen", "unknown.invalid:0"],
            "cannot listen on unknown.invalid:0: no host is known by that name",
        ),
        (["--flash", "F", "--region", "model"], "'--region model' is not understood"),
        (["--flash", "F", "--region", "heap=0"], "there is no region heap"),
        (
            ["--flash", "F", "--region", "model=9999999"],
            "there is no region model as large as that",
        ),
        (["--flash", "absent/F"], "cannot open the flash file absent/F"),
        (["--flash", "F", "--flash-log", "absent/L"], "cannot open the flash log absent/L"),
    ],
)
def test_bad_arguments_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = finished(*arguments)
    assert done.returncode == (1 if reason.startswith("cannot") or "HOST" in reason else 2)
    assert done.stdout == ""
    assert re.fullmatch(rf"ugpt-device: {re.escape(reason)}.*\n", done.stderr)


@pytest.mark.parametrize("flash", ["F", ""])
def test_a_flash_that_cannot_be_written(tmp_path: Path, flash: str) -> None:
    done = subprocess.run(
        [virtual.program(), *(["--flash", flash] if flash else []), "--stdio"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        cwd=tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )  # fmt: skip
    assert done.returncode == 1
    place = "flash file F" if flash else "flash in memory"
    assert done.stderr.startswith(f"ugpt-device: cannot write the {place}: ")


def test_help_is_no_failure() -> None:
    done = finished("--help")
    assert done.returncode == 0
    assert "--power-cut-after N" in done.stdout


def test_a_port_that_is_taken_fails(tmp_path: Path) -> None:
    with device(tmp_path / "one") as (_, port):
        address = port.removeprefix("socket://")
        done = finished("--flash", tmp_path / "two", "--listen", address)
    assert done.returncode == 1
    assert done.stderr.startswith(f"ugpt-device: cannot listen on {address}: ")


def test_a_flash_file_belongs_to_one_device(tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    with device(flash) as (first, _):
        done = finished("--flash", flash)
        assert done.returncode == 1
        assert done.stderr == (
            f"ugpt-device: the flash file {flash} is in use by another virtual device\n"
        )
        assert first.poll() is None
    # The lock ends with the process, however that ends.
    assert finished("--flash", flash).returncode == 0


def test_a_flash_file_is_waited_for_a_little(tmp_path: Path) -> None:
    """The device of a host that was killed has not noticed yet."""
    flash = tmp_path / "flash"
    finished("--flash", flash)
    with flash.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        release = threading.Timer(0.5, fcntl.flock, (held, fcntl.LOCK_UN))
        release.start()
        assert finished("--flash", flash).returncode == 0
        release.join()

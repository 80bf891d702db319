"""A run stays with its device, a board with its model, a folder with its writer."""

from __future__ import annotations

import os
import pty
import select
import shlex
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_live import own_terminal
from tests.support.commands import CommandLine, Process, digest, events_until_step, losses
from tests.support.devices import device_process
from tests.support.waiting import happens

LONG = ("--steps", "16000000")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    """A device of `ugpt sim`, as far as a host can tell."""
    with device_process(tmp_path / "sim.flash") as (_, address):
        yield address


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text("anna\nbella\ncarla\n")
    return file


def interrupt(process: Process) -> None:
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60.0)


def advised(said: str, start: str) -> list[str]:
    """The words of the command in a sentence that begins with `start`, as a shell takes them."""
    command = said[said.index(start) :].partition(". To ")[0].strip()
    return shlex.split(command)[1:]


@contextmanager
def pretended_board(cli: CommandLine, run: str) -> Iterator[None]:
    """A run folder that says that it belongs to a board, and ugpt's memory of it."""
    config = cli.folder / run / "config.toml"
    last = cli.folder / "state" / "ugpt" / "last-device.json"
    before = config.read_text()
    config.write_text(before.replace("virtual = true", "virtual = false"))
    last.write_text(last.read_text().replace('"virtual": true', '"virtual": false'))
    yield


# A run stays with its device


def test_config_names_the_device(cli: CommandLine, text: Path, tmp_path: Path) -> None:
    cli("train", text, "--steps", "5", "--run", "R")
    identity = tomllib.loads((tmp_path / "R" / "config.toml").read_text())["identity"]
    assert identity["virtual"] is True
    assert identity["board"] == "esp32"
    assert int(identity["number"], 16) > 0


def test_run_of_a_board_is_not_resumed_elsewhere(
    cli: CommandLine, text: Path, tmp_path: Path
) -> None:
    cli("train", text, "--steps", "5", "--run", "R")
    with pretended_board(cli, "R"):
        before = {path.name: path.read_bytes() for path in (tmp_path / "R").iterdir()}
        said = cli.refused("train", "--resume", "R")
        assert "R belongs to a board" in said
        assert "a virtual device" in said
        assert {path.name: path.read_bytes() for path in (tmp_path / "R").iterdir()} == before
        # What is advised does it, says so, and is remembered.
        words = advised(said, "ugpt train --resume")
        assert "The run moves from a board" in cli(*words)
        assert "The run moves" not in cli("train", "--resume", "R")


def test_run_that_goes_on_on_another_virtual_device(
    cli: CommandLine, text: Path, port: str
) -> None:
    cli("train", text, "--steps", "5", "--run", "R", "--port", port)
    again = ("train", "--resume", "R", "--steps", "8", "--plain")
    assert "goes on, on another virtual device than before: virtual device" in cli(*again)
    assert "another virtual device" not in cli(*again)


def test_samples_are_those_of_the_last_device(cli: CommandLine, text: Path) -> None:
    cli("train", text, "--steps", "5", "--run", "R")
    with pretended_board(cli, "R"):
        said = cli.refused("sample", "-n", "1")
        assert "The last run" in said
        cli(*advised(said, "ugpt sample"), "-n", "1")


def test_attaching_does_not_take_the_virtual_device_for_the_board(
    cli: CommandLine, text: Path
) -> None:
    cli("train", text, "--steps", "5", "--run", "R")
    with pretended_board(cli, "R"):
        assert "The last run" in cli.refused("attach")


def test_virtual_run_goes_on_on_any_virtual_device(
    cli: CommandLine, text: Path, tmp_path: Path, port: str
) -> None:
    with cli.running("train", text, *LONG, "--run", "R", "--json") as process:
        events_until_step(process, 100)
        interrupt(process)
    done = len(losses(tmp_path / "R"))
    with cli.running("train", "--resume", "R", "--port", port, "--json") as process:
        events_until_step(process, done + 100)
        interrupt(process)
    assert len(losses(tmp_path / "R")) > done


# What is on a board is asked for


def test_detached_run_is_not_ended_without_a_word(
    cli: CommandLine, text: Path, tmp_path: Path, port: str
) -> None:
    cli("train", text, *LONG, "--run", "long", "--detach", "--port", port)
    commands = (
        ("train", text, "--steps", "5", "--run", "other", "--port", port),
        ("train", text, "--steps", "5", "--run", "other", "--detach", "--port", port),
        ("data", "push", text, "--seed", "1", "--port", port),
        ("bench", "--seconds", "0.1", "--port", port),
    )
    for command in commands:
        said = cli.refused(*command)
        assert "trains by itself" in said, command
        assert "--overwrite" in said
        assert f"ugpt attach --port {port}" in said
    assert not (tmp_path / "other").exists()
    with cli.running("train", "--resume", "long", "--port", port, "--json") as process:
        events_until_step(process, 1)
        interrupt(process)
    cli("train", text, "--steps", "5", "--run", "other", "--port", port)


@pytest.mark.parametrize(
    "words",
    [
        ("train", "TEXT", "--steps", "5", "--run", "R"),
        ("train", "TEXT", "--steps", "5", "--run", "R", "--detach"),
        ("data", "push", "TEXT", "--seed", "1"),
        ("bench", "--seconds", "0.1"),
        ("load", "other"),
        ("sample", "--run", "other"),
    ],
    ids=" ".join,
)
def test_detached_run_is_overwritten_on_request(
    cli: CommandLine, text: Path, port: str, words: tuple[str, ...]
) -> None:
    """Every command that refuses to without --overwrite."""
    cli("train", text, "--steps", "5", "--run", "other", "--port", port)
    cli("train", text, *LONG, "--run", "long", "--detach", "--port", port)
    command = [text if word == "TEXT" else word for word in words]
    assert "--overwrite" in cli.refused(*command, "--port", port)
    cli(*command, "--port", port, "--overwrite")


def test_data_are_replaced_on_request(cli: CommandLine, text: Path, port: str) -> None:
    cli("data", "push", text, "--seed", "1", "--port", port)
    cli("data", "push", text, "--seed", "2", "--port", port)


def test_own_virtual_device_protects_a_detached_run(
    cli: CommandLine, text: Path, tmp_path: Path
) -> None:
    cli("train", text, *LONG, "--run", "long", "--detach")
    assert "--overwrite" in cli.refused("train", text, "--steps", "5", "--run", "other")
    cli("train", text, "--steps", "5", "--run", "other", "--overwrite")


def kill_after(cli: CommandLine, *arguments: str | Path) -> None:
    with cli.running("train", *arguments, "--json") as process:
        events_until_step(process, 100)
        process.kill()


def test_weights_that_are_nowhere_else(
    cli: CommandLine, text: Path, tmp_path: Path, port: str
) -> None:
    kill_after(cli, text, *LONG, "--run", "lost", "--port", port)
    said = cli.refused("train", text, "--steps", "5", "--run", "R", "--port", port)
    assert "saved in no run folder" in said
    words = advised(said, "ugpt train --resume")
    with cli.running(*words, "--json") as process:
        events_until_step(process, len(losses(tmp_path / "lost")) + 1)
        interrupt(process)
    # Saved, and that is remembered when the folder is gone and the board has restarted.
    (tmp_path / "lost").rename(tmp_path / "gone")
    cli("reset", "--port", port)
    cli("train", text, "--steps", "5", "--run", "R", "--port", port)


def test_own_virtual_device_is_free_after_a_kill(cli: CommandLine, text: Path) -> None:
    kill_after(cli, text, *LONG, "--run", "lost")
    cli("train", text, "--steps", "5", "--run", "R")


def test_restart_that_would_lose_steps(cli: CommandLine, text: Path, port: str) -> None:
    kill_after(cli, text, *LONG, "--run", "lost", "--port", port)
    said = cli.refused("reset", "--port", port)
    assert "a restart would lose" in said
    cli(*advised(said, "ugpt stop"))
    cli("reset", "--port", port)
    kill_after(cli, "--resume", "lost", "--port", port)
    cli("reset", "--port", port, "--overwrite")


def test_question_in_a_terminal(cli: CommandLine, text: Path, tmp_path: Path, port: str) -> None:
    cli("train", text, *LONG, "--run", "long", "--detach", "--port", port)
    command = ("train", text, "--steps", "5", "--run", "R", "--plain", "--port", port)
    status, said = in_terminal(cli, command, "n\n")
    assert "trains by itself" in said
    assert "The device is left as it is." in said
    assert status == 1
    assert not (tmp_path / "R").exists()
    for key, ended in (("\x04", 1), ("\x03", 130)):
        status, said = in_terminal(cli, command, key)
        assert said.endswith("\r\nThe device is left as it is.\r\n")
        assert status == ended
    status, said = in_terminal(cli, command, "y\n")
    assert status == 0, said
    assert len(losses(tmp_path / "R")) == 5


def in_terminal(cli: CommandLine, command: tuple[str | Path, ...], answer: str) -> tuple[int, str]:
    """Exit status and all that a command shows on a terminal where a question is answered."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ugpt", *map(str, command)],
        stdin=slave, stdout=slave, stderr=slave, cwd=cli.folder, preexec_fn=own_terminal,
        env=cli.environment({"TERM": "dumb"}),
    )  # fmt: skip
    os.close(slave)
    said, asked = b"", False
    try:
        while select.select([master], [], [], 60.0)[0]:
            try:
                said += os.read(master, 4096)
            except OSError:
                break  # the other end is closed
            if not asked and b"[y/N]" in said:
                asked = True
                os.write(master, answer.encode())
        return process.wait(60.0), said.decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(master)


# One writer a run, one host a board


def test_folder_has_one_writer(cli: CommandLine, text: Path, tmp_path: Path, port: str) -> None:
    with cli.running("train", text, *LONG, "--run", "R", "--json") as process:
        events_until_step(process, 100)
        for command in (("train", "--resume", "R"), ("train", "--resume", "R", "--detach")):
            said = cli.refused(*command, "--port", port)
            assert f"R is in use by another ugpt (process {process.pid} on " in said
        interrupt(process)
    before = losses(tmp_path / "R")
    assert not (tmp_path / "R" / ".lock").exists()
    with cli.running("train", "--resume", "R", "--json") as process:
        events_until_step(process, len(before) + 1)
        process.kill()
    with cli.running("train", "--resume", "R", "--json") as process:  # the dead one locks nothing
        events_until_step(process, len(before) + 2)
        interrupt(process)
    assert losses(tmp_path / "R")[: len(before)] == before


def test_board_has_one_host(cli: CommandLine, text: Path, port: str) -> None:
    with cli.running("train", text, *LONG, "--run", "R", "--port", port, "--json") as process:
        events_until_step(process, 100)
        said = cli.refused("info", "--port", port)
        assert "is in use by" in said
        if sys.platform == "linux":
            assert f"(process {process.pid})" in said
        interrupt(process)
    cli("info", "--port", port)


def test_host_that_has_closed_is_no_obstacle(cli: CommandLine, port: str) -> None:
    host, number = port.removeprefix("socket://").rsplit(":", 1)
    with socket.create_connection((host, int(number))) as first:
        first.sendall(b"unread")
    cli("info", "--port", port)


def test_two_virtual_runs_at_once(cli: CommandLine, text: Path, tmp_path: Path) -> None:
    with cli.running("train", text, *LONG, "--run", "R", "--json") as process:
        events_until_step(process, 100)
        said = cli.refused("train", text, "--steps", "5", "--run", "other")
        assert "in use by another virtual device" in said
        words = advised(said, "ugpt sim")
        with cli.running(*words) as sim:
            assert sim.stdout is not None
            address = sim.stdout.readline().split()[-1]
            cli("train", text, "--steps", "5", "--run", "other", "--port", address)
            interrupt(sim)
        interrupt(process)
    assert digest(tmp_path / "other")


def test_runs_begun_in_one_second(cli: CommandLine, text: Path, tmp_path: Path, port: str) -> None:
    with (
        cli.running("train", text, "--steps", "50") as first,
        cli.running("train", text, "--steps", "50", "--port", port) as second,
    ):
        assert [process.wait(60.0) for process in (first, second)] == [0, 0]
    folders = sorted((tmp_path / "runs").iterdir())
    assert [len(losses(folder)) for folder in folders] == [50, 50]


def test_orphaned_device_ends(cli: CommandLine, tmp_path: Path) -> None:
    arguments = ("sim", "--listen", "127.0.0.1:0", "--flash", "f")
    with cli.running(*arguments) as sim:
        assert sim.stdout is not None
        assert "socket://" in sim.stdout.readline()
        sim.kill()
    with cli.running(*arguments) as sim:
        assert sim.stdout is not None
        assert happens(lambda: "socket://" in sim.stdout.readline())  # type: ignore[union-attr]
        interrupt(sim)


@pytest.mark.parametrize(("host", "warns"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_listening_beyond_this_computer_is_told(cli: CommandLine, host: str, warns: bool) -> None:
    with cli.running("sim", "--listen", f"{host}:0", "--flash", "f") as sim:
        assert sim.stdout is not None
        sim.stdout.readline()
        sim.send_signal(signal.SIGINT)
        said = sim.communicate(timeout=60.0)[1]
    assert ("asks for no password" in said) is warns

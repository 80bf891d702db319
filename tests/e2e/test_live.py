"""The dashboard of the real command line on a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.commands import ESCAPE
from tests.support.warm.client import Warm, WarmProcess

if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

TIMEOUT_S = 60.0
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
LONG = ("--steps", "2000000", "--pace", "--run", "R")


@dataclass
class OnTerminal:
    """A command whose terminal this is."""

    process: subprocess.Popen[bytes] | WarmProcess
    master: int
    sent: str = ""
    seen: int = field(default=0)

    def until(self, expected: str) -> str:
        """Reads on until the terminal has been sent `expected`; returns what came before."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while (found := self.sent.find(expected, self.seen)) < 0:
            assert time.monotonic() < deadline_s, self.sent[-2000:]
            assert self._read(), self.sent[-2000:]
        before = self.sent[self.seen : found]
        self.seen = found + len(expected)
        return before

    def rest(self) -> str:
        """Reads to the end; returns what is left."""
        while self._read():
            pass
        self.process.wait(TIMEOUT_S)
        return self.sent[self.seen :]

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def local_modes(self) -> int:
        return int(termios.tcgetattr(self.master)[3])

    def hang_up(self) -> None:
        """Closes it, as a window is closed."""
        os.close(self.master)
        self.master = -1

    def _read(self) -> bool:
        if not select.select([self.master], [], [], TIMEOUT_S)[0]:
            return False
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            return False
        self.sent += data.decode("utf-8", "replace")
        return bool(data)


@contextmanager
def started(
    folder: Path,
    *command: str,
    columns: int = 80,
    lines: int = 24,
    program: Sequence[str] = (sys.executable, "-m", "ugpt"),
    warm: Warm | None = None,
    **environment: str,
) -> Iterator[OnTerminal]:
    master, slave = os.openpty()
    home = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "TERM": "xterm-256color"}
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    variables = {**kept, **home, **environment}
    process: subprocess.Popen[bytes] | WarmProcess
    if warm is not None and warm.can_run(variables, {}):
        process = warm.start_on_terminal(command, folder, variables, slave)
    else:
        process = subprocess.Popen(
            [*program, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env=variables,
            preexec_fn=lambda: own_terminal(),
        )
    terminal = OnTerminal(process, master)
    terminal.resize(columns, lines)
    os.close(slave)
    with process:
        try:
            yield terminal
        finally:
            if process.poll() is None:
                process.kill()
            if terminal.master >= 0:
                terminal.hang_up()


def own_terminal() -> None:
    """In the child: a session of its own, controlled by its standard input."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def check_left(terminal: OnTerminal, code: int) -> str:
    """The terminal is as it was, and what stays on it is a summary; returns that."""
    terminal.rest()
    assert terminal.process.returncode == code, terminal.sent[-2000:]
    assert terminal.sent.count(ENTER) == terminal.sent.count(LEAVE) == 1
    assert terminal.sent.count("\x1b[?25l") == terminal.sent.count("\x1b[?25h")
    assert terminal.sent.rindex("\x1b[?7h") > terminal.sent.rindex("\x1b[?7l")
    kept = ESCAPE.sub("", terminal.sent[terminal.sent.rindex(LEAVE) :])
    assert "╭" not in kept
    return kept


def test_keys(tmp_path: Path, names: Path) -> None:
    with started(tmp_path, "train", str(names), *LONG) as terminal:
        terminal.until(ENTER)
        terminal.until("|g|")  # of a step that is done
        assert not terminal.local_modes() & (termios.ECHO | termios.ICANON)
        terminal.press(" ")
        terminal.until("paused after step")
        terminal.press("z")
        terminal.until("No such key here")
        terminal.press("e")
        terminal.until("--holdout")
        terminal.press("?")
        terminal.until("Ctrl-C does the same")
        terminal.press("y")
        terminal.until("No such key here")
        terminal.press("\x1b")
        terminal.until("what it writes")
        terminal.press("?")
        terminal.until("Ctrl-C does the same")
        terminal.press("?")
        terminal.until("what it writes")
        terminal.press("x")
        terminal.until("loss, linear")
        terminal.press("q")
        kept = check_left(terminal, 130)
    assert "letter pairs" in kept
    assert "train --resume R" in kept
    assert (tmp_path / "R" / "loss.png").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals(tmp_path: Path, names: Path, number: signal.Signals) -> None:
    with started(tmp_path, "train", str(names), *LONG) as terminal:
        terminal.until("steps/s")
        before = terminal.local_modes()
        terminal.process.send_signal(number)
        check_left(terminal, 128 + number)
        assert not before & termios.ECHO


@pytest.mark.parametrize("more", [(), ("--plain",)])
def test_closed_terminal(tmp_path: Path, names: Path, more: tuple[str, ...]) -> None:
    with started(tmp_path, "train", str(names), *LONG, *more) as terminal:
        terminal.until("steps/s")
        terminal.hang_up()
        assert terminal.process.wait(TIMEOUT_S) == 128 + signal.SIGHUP
    assert (tmp_path / "R" / "checkpoint.safetensors").exists()


def test_stopped_by_ctrl_z_and_gone_on(tmp_path: Path, names: Path) -> None:
    with started(tmp_path, "train", str(names), *LONG) as terminal:
        terminal.until("steps/s")
        # A group without a shell would not stop; what it does before and after is the same.
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.until(LEAVE)
        terminal.until(ENTER)
        terminal.until("\x1b[2J")
        terminal.until("steps/s")
        terminal.press("q")
        terminal.until(LEAVE)
        terminal.rest()
        assert terminal.process.returncode == 130


SHELL = """
import os, signal, subprocess, sys, termios
job = subprocess.Popen(sys.argv[1:], preexec_fn=os.setpgrp)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
modes = termios.tcgetattr(0)
def give(group, how):
    os.tcsetpgrp(0, group)
    if group == os.getpgrp():
        termios.tcsetattr(0, termios.TCSADRAIN, modes)
    if how:
        os.killpg(job.pid, how)
    print("<" + word + ">", flush=True)
word = "begun"
give(job.pid, 0)
for word in open(os.environ["ORDERS"]):
    word = word.strip()
    if word == "stop":
        os.killpg(job.pid, signal.SIGSTOP)
        os.waitpid(job.pid, os.WUNTRACED)
        give(os.getpgrp(), 0)
    elif word == "bg":
        give(os.getpgrp(), signal.SIGCONT)
    elif word == "fg":
        give(job.pid, signal.SIGCONT)
    elif word == "foreground":
        give(job.pid, 0)
print("status", job.wait(), flush=True)
"""
"""What a shell does for a job; its orders come in a pipe with a name."""


def test_stopped_from_outside_and_taken_back(tmp_path: Path, names: Path) -> None:
    """A stop that no program hears of, a while in the background, and the foreground again."""
    os.mkfifo(tmp_path / "orders")
    command = [sys.executable, "-m", "ugpt", "train", str(names), *LONG]
    shell = [sys.executable, "-c", SHELL, *command]
    with (
        started(tmp_path, program=shell, ORDERS=str(tmp_path / "orders")) as terminal,
        (tmp_path / "orders").open("w", buffering=1) as orders,
    ):
        terminal.until("|g|")
        orders.write("stop\n")
        terminal.until("<stop>")
        assert terminal.local_modes() & termios.ECHO
        orders.write("fg\n")
        terminal.until("<fg>")
        terminal.until("|g|")
        assert not terminal.local_modes() & (termios.ECHO | termios.ICANON)
        terminal.press(" ")
        terminal.until("paused after step")
        orders.write("stop\n")
        terminal.until("<stop>")
        orders.write("bg\n")
        terminal.until("<bg>")
        terminal.until(LEAVE)
        assert terminal.local_modes() & termios.ECHO
        orders.write("foreground\n")
        terminal.until(ENTER)
        terminal.press(" ")
        terminal.until("|g|")
        terminal.press("q")
        orders.close()
        terminal.until("status 130")


@pytest.mark.parametrize("columns", [1, 2, 7, 20, 65_535])
def test_any_width(tmp_path: Path, names: Path, columns: int) -> None:
    command = ("train", str(names), "--steps", "300", "--run", "R")
    with started(tmp_path, *command, columns=columns, lines=10) as terminal:
        check_left(terminal, 0)


def test_change_of_size(tmp_path: Path, names: Path) -> None:
    with started(tmp_path, "train", str(names), *LONG) as terminal:
        terminal.until("what it writes")
        terminal.resize(40, 15)
        terminal.until("\x1b[2J")
        terminal.resize(130, 40)
        terminal.until("what it knows")
        terminal.press("q")
        check_left(terminal, 130)


@pytest.mark.parametrize(
    ("name", "value"),
    [("TERM", "dumb"), ("TERM", "unknown"), ("TERM", ""), ("TTY_COMPATIBLE", "0")],
)
def test_terminal_that_can_nothing(tmp_path: Path, names: Path, name: str, value: str) -> None:
    command = ("train", str(names), "--steps", "300", "--run", "R")
    with started(tmp_path, *command, **{name: value}) as terminal:
        shown = terminal.rest()
    assert terminal.process.returncode == 0
    assert "\x1b" not in shown
    assert "done in" in shown


def test_columns_0(tmp_path: Path, names: Path) -> None:
    command = ("train", str(names), "--steps", "300", "--run", "R")
    with started(tmp_path, *command, COLUMNS="0", LINES="0") as terminal:
        kept = check_left(terminal, 0)
    assert "20 samples, drawn on the board" in kept


def test_no_color(tmp_path: Path, names: Path) -> None:
    command = ("train", str(names), "--steps", "300", "--run", "R")
    with started(tmp_path, *command, NO_COLOR="1") as terminal:
        terminal.rest()
    assert not re.search(r"\x1b\[[0-9;]*(3[0-9]|9[0-7])m", terminal.sent)

"""A person who speaks with a board through `ugpt monitor`, on a real terminal."""

from __future__ import annotations

import sys
import termios
from pathlib import Path

import pytest
from llama_models import stories

from tests.support.commands import CommandLine
from tests.support.devices import listening_device
from tests.support.stories import LONG, endless_model

if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

from tests.e2e.test_console import COLD, switch_on
from tests.e2e.test_live import OnTerminal, started
from ugpt.models.layouts import TensorFormat

STOP, END = "\x18", "\x03"


def check_ended(terminal: OnTerminal) -> None:
    terminal.press(END)
    assert "Traceback" not in terminal.rest()
    # The shell goes on in a line of its own; the terminal itself may show the key.
    assert terminal.sent.removesuffix("^C").endswith("\r\n")
    assert terminal.process.returncode == 0


@pytest.mark.parametrize("form", ["pty", "socket"])
async def test_a_story(cli: CommandLine, tmp_path: Path, form: str) -> None:
    flash = tmp_path / "flash"
    await switch_on(cli, flash, stories(), TensorFormat.Q8, *COLD)
    async with listening_device(form, flash) as port:
        with started(tmp_path, "monitor", "--port", port) as terminal:
            terminal.until("Ctrl-X stops a story")
            terminal.until("Type the beginning of a story")
            terminal.until("> ")
            # A zero would begin a frame, and swallow the rest.
            terminal.press("Once upon\x1b[A\0 a timf")
            terminal.until("Once upon a timf")
            terminal.press("\x7fe\r")
            terminal.until("\b \be, there was a little girl named Lily.")
            terminal.until("\r\n> ")
            check_ended(terminal)


async def test_a_story_that_is_stopped(cli: CommandLine, tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    await switch_on(cli, flash, endless_model(), TensorFormat.F32, *COLD)
    async with listening_device("pty", flash) as port:
        with started(tmp_path, "monitor", "--port", port) as terminal:
            for _ in range(2):
                terminal.until("> ")
                terminal.press("Once\r")
                terminal.until("Once")
                terminal.press(STOP)
                assert len(terminal.until("\r\n")) < LONG.context
            terminal.until("> ")
            check_ended(terminal)


def test_a_monitor_that_only_listens_takes_no_keys(tmp_path: Path) -> None:
    with started(tmp_path, "monitor", "--listen-only") as terminal:
        terminal.until("listening to")
        assert terminal.local_modes() & termios.ICANON
        check_ended(terminal)
        assert "goes to the board" not in terminal.sent


def test_the_terminal_is_given_back(tmp_path: Path) -> None:
    with started(tmp_path, "monitor") as terminal:
        before = terminal.local_modes()
        terminal.until("firmware")
        assert not terminal.local_modes() & termios.ICANON
        check_ended(terminal)
        assert terminal.local_modes() == before

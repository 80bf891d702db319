"""Keys as they are pressed, without echo."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any


class Key(Enum):
    """What a key means, by its character."""

    PAUSE = " "
    SAMPLE = "s"
    EVALUATE = "e"
    DETACH = "d"
    SCALE = "x"
    STOP = "q"
    HELP = "?"
    OTHER = ""


# An arrow, a function key, or Alt with a key: one key, many bytes.
_SEQUENCE = re.compile(r"\x1b(\[[0-9;?<=>]*[ -/]*[@-~]|O.|[^\x1b])?", re.DOTALL)
_READ_BYTES = 1024


def keys_of(data: bytes) -> list[Key]:
    """The keys that a terminal sends as `data`."""
    text = _SEQUENCE.sub("\x1b", data.decode("utf-8", "replace"))
    meanings = {key.value: key for key in Key if key.value}
    return [meanings.get(character.lower(), Key.OTHER) for character in text]


class Keyboard:
    """Standard input in cbreak mode, if it is a terminal: signals still work.

    Windows has no terminal that an event loop can read: there Ctrl-C remains.
    """

    def __init__(self, on_key: Callable[[Key], None]) -> None:
        self._on_key = on_key
        self._file: int | None = None
        self._before: list[Any] = []

    def start(self) -> None:
        if sys.platform == "win32":
            return
        import termios
        import tty

        if self._file is not None or sys.__stdin__ is None or not sys.__stdin__.isatty():
            return
        file = sys.__stdin__.fileno()
        try:
            self._before = termios.tcgetattr(file)
            tty.setcbreak(file, termios.TCSADRAIN)
            changed: list[Any] = termios.tcgetattr(file)
            changed[0] &= ~termios.IXON  # Ctrl-S would stop the output, and so the training
            termios.tcsetattr(file, termios.TCSADRAIN, changed)
        except (termios.error, OSError):
            return
        asyncio.get_running_loop().add_reader(file, self._read)
        self._file = file

    def stop(self) -> None:
        if sys.platform == "win32" or self._file is None:
            return
        import termios

        file, self._file = self._file, None
        self._unlisten(file)
        with contextlib.suppress(termios.error, OSError):  # the terminal is gone
            # What was typed for the dashboard is not meant for the shell.
            termios.tcsetattr(file, termios.TCSAFLUSH, self._before)

    def _read(self) -> None:
        assert self._file is not None
        try:
            data = os.read(self._file, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._unlisten(self._file)
            return
        for key in keys_of(data):
            self._on_key(key)

    def _unlisten(self, file: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, and its readers with it
            asyncio.get_running_loop().remove_reader(file)

"""Keys as they are pressed, without echo."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import re
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from .capability import in_foreground


class Key(Enum):
    """What a key means, by its character."""

    PAUSE = " "
    SAMPLE = "s"
    EVALUATE = "e"
    DETACH = "d"
    SCALE = "x"
    STOP = "q"
    HELP = "?"
    BACK = "\x1b"
    OTHER = ""

    @classmethod
    def _missing_(cls, value: object) -> Key:
        return cls.OTHER


# An arrow, a function key, or Alt with a key: one key, many bytes.
_SEQUENCE = re.compile(r"\x1b(\[[0-9;?<=>]*[ -/]*[@-~]|O.|[^\x1b])", re.DOTALL)
_NO_CHARACTER = "\x00"
_READ_BYTES = 1024

_CONSOLE_POLL_S = 0.05  # too short to be felt
_CONSOLE_SEQUENCES = ("\x00", "\xe0")  # begin a key that is no character


def keys_of(typed: str) -> list[Key]:
    """The keys that a terminal sends as `typed`."""
    return [Key(character.lower()) for character in _SEQUENCE.sub(_NO_CHARACTER, typed)]


def each_key(on_key: Callable[[Key], None]) -> Callable[[str], None]:
    """What tells the keys in what is typed."""

    def take(typed: str) -> None:
        for key in keys_of(typed):
            on_key(key)

    return take


class Keyboard(Protocol):
    """Tells what is typed between `start` and `stop`; both may be repeated.

    A `start` more sets the modes again that another program may have changed.
    """

    def start(self) -> None: ...

    def stop(self) -> None: ...


def open_keyboard(on_typed: Callable[[str], None]) -> Keyboard:
    """The keyboard that belongs to the terminal of this system."""
    if sys.platform == "win32":
        import msvcrt

        return ConsoleKeyboard(on_typed, msvcrt)
    return TerminalKeyboard(on_typed)


def can_converse() -> bool:
    """Whether a person types here, and sees what comes of it."""
    typed = sys.__stdin__ is not None and sys.__stdin__.isatty()
    return typed and sys.stdout.isatty() and in_foreground()


class ConsoleCalls(Protocol):
    """What is needed of `msvcrt`."""

    def kbhit(self) -> bool: ...

    def getwch(self) -> str: ...


class ConsoleKeyboard:
    """The console of Windows, which no event loop can wait for: it is asked now and then.

    Ctrl-C stays a signal.
    """

    def __init__(self, on_typed: Callable[[str], None], console: ConsoleCalls) -> None:
        self._on_typed = on_typed
        self._console = console
        self._next_look: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._next_look is None and sys.__stdin__ is not None and sys.__stdin__.isatty():
            self._look_later()

    def stop(self) -> None:
        if self._next_look is None:
            return
        self._next_look.cancel()
        self._next_look = None
        while self._console.kbhit():  # what was typed for the dashboard is not for the shell
            self._console.getwch()

    def _look_later(self) -> None:
        self._next_look = asyncio.get_running_loop().call_later(_CONSOLE_POLL_S, self._look)

    def _look(self) -> None:
        self._look_later()
        # A key may end all this.
        while self._next_look is not None and self._console.kbhit():
            self._on_typed(self._read())

    def _read(self) -> str:
        character = self._console.getwch()
        if character in _CONSOLE_SEQUENCES and self._console.kbhit():
            self._console.getwch()
            return _NO_CHARACTER
        return character


class TerminalKeyboard:
    """Standard input in cbreak mode, if it is a terminal: signals still work."""

    def __init__(self, on_typed: Callable[[str], None]) -> None:
        self._on_typed = on_typed
        # A read may end within a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._file: int | None = None
        self._before: list[Any] = []

    def start(self) -> None:
        if sys.platform == "win32":
            return
        import termios
        import tty

        if sys.__stdin__ is None or not sys.__stdin__.isatty():
            return
        file = sys.__stdin__.fileno()
        try:
            if self._file is None:
                self._before = termios.tcgetattr(file)
            tty.setcbreak(file, termios.TCSADRAIN)
            changed: list[Any] = termios.tcgetattr(file)
            changed[0] &= ~termios.IXON  # Ctrl-S would stop the output, and so the training
            termios.tcsetattr(file, termios.TCSADRAIN, changed)
        except (termios.error, OSError):
            return
        if self._file is None:
            asyncio.get_running_loop().add_reader(file, self._read)
        self._file = file

    def stop(self) -> None:
        if sys.platform == "win32" or self._file is None:
            return
        import termios

        file, self._file = self._file, None
        self._unlisten(file)
        if not in_foreground():
            return  # a shell has the terminal, in modes of its own, and who changes them is stopped
        with contextlib.suppress(termios.error, OSError):  # the terminal is gone
            # What was typed for the dashboard is not meant for the shell.
            termios.tcsetattr(file, termios.TCSAFLUSH, self._before)

    def _read(self) -> None:
        assert self._file is not None
        if not in_foreground():
            return  # the key is for somebody else, and who reads it is stopped
        try:
            data = os.read(self._file, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._unlisten(self._file)
            return
        if typed := self._decoder.decode(data):
            self._on_typed(typed)

    def _unlisten(self, file: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, and its readers with it
            asyncio.get_running_loop().remove_reader(file)

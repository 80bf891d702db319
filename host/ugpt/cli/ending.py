"""How this program ends: its exit statuses, and the signals that ask it to end.

It imports little: a signal may come at any moment, so this must be there before all else.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import IntEnum
from time import monotonic

END_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl-C, a service manager, and a terminal that is closed, if the system knows it."""

_SIGNAL_BASE = 128  # shells add the number of the signal to it
_AGAIN_S = 1.0  # presses that follow each other faster count once


class Status(IntEnum):
    """The exit statuses; docs/exit-status.md explains them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130
    """By Ctrl-C or by `q`; other signals have statuses of their own."""
    READER_GONE = 141
    """Nobody reads standard output any more. As for SIGPIPE."""


class Ending:
    """What has asked this program to end, and what is done about it.

    Until somebody says otherwise, a signal ends the program at once: it has begun nothing yet.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """The first that came."""
        self._act: Callable[[], object] | None = None
        self._acted_s: float | None = None

    def take_over(self) -> None:
        """From now on the end signals come here. One that was ignored at the start stays so."""
        self.signal, self._act, self._acted_s = None, None, None
        for number in END_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def complete(self) -> None:
        """The exit status is known, and no signal changes it any more."""
        for number in END_SIGNALS:
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def acting(self, act: Callable[[], object]) -> Iterator[None]:
        """Meanwhile calls `act` for each signal, between any two instructions."""
        before, self._act = self._act, act
        try:
            yield
        finally:
            self._act = before

    def tidying(self) -> AbstractContextManager[None]:
        """Meanwhile a signal raises KeyboardInterrupt: there is something to tidy up."""
        return self.acting(self._interrupt)

    @property
    def status(self) -> int:
        """Of a program that was asked to end."""
        return Status.INTERRUPTED if self.signal is None else _SIGNAL_BASE + self.signal

    def to_json(self, status: int) -> str:
        """The last line of a program that a signal has ended, if its lines are JSON.

        Written by hand: a signal that comes while `json` is being imported must not import it.
        """
        by = "null" if self.signal is None else f'"{self.signal.name}"'
        return f'{{"event": "ended", "signal": {by}, "exit_status": {int(status)}}}'

    def is_repeated(self) -> bool:
        """Whether this request follows the last one too fast to count."""
        now_s = monotonic()
        if self._acted_s is not None and now_s - self._acted_s < _AGAIN_S:
            return True
        self._acted_s = now_s
        return False

    def _on_signal(self, number: int, frame: object) -> None:
        is_first = self.signal is None
        if self.signal is None:
            self.signal = signal.Signals(number)
        if self._act is not None:
            self._act()
        elif is_first:
            self._leave()

    def _interrupt(self) -> None:
        if not self.is_repeated():
            raise KeyboardInterrupt

    def _leave(self) -> None:
        if wants_json() and sys.stdout is not None:
            with contextlib.suppress(OSError):
                os.write(sys.stdout.fileno(), f"{self.to_json(self.status)}\n".encode())
        os._exit(self.status)


def wants_json() -> bool:
    """Whether every line on standard output is to be a JSON object, errors too."""
    return "--json" in sys.argv[1:]


ending = Ending()
"""Of this program."""

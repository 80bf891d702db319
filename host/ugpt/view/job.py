"""This program as a job of the shell on its terminal: Ctrl-Z, `fg`, `bg` and Ctrl-\\."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable

from .capability import in_foreground

_LOOK_S = 0.2


class Job:
    """Gives the terminal back whenever it is somebody else's, and takes it again afterwards.

    `enter` and `leave` may be called again and again.
    """

    def __init__(self, enter: Callable[[], object], leave: Callable[[], object]) -> None:
        self._enter = enter
        self._leave = leave
        self._entered = True
        self._signals: list[signal.Signals] = []

    def begin(self) -> None:
        """From now on hears what the terminal and its shell tell."""
        if sys.platform == "win32":
            return
        self.on_signal(signal.SIGTSTP, self._suspend)
        self.on_signal(signal.SIGCONT, self.go_on)
        self.on_signal(signal.SIGQUIT, self._quit)

    def end(self) -> None:
        for number in self._signals:
            asyncio.get_running_loop().remove_signal_handler(number)
        self._signals.clear()

    def on_signal(self, number: signal.Signals, act: Callable[[], object]) -> None:
        """Calls `act` for a signal until the end."""
        with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
            asyncio.get_running_loop().add_signal_handler(number, act)
            self._signals.append(number)

    def go_on(self) -> None:
        """After `fg` or `bg`: in the foreground alone the terminal is ours."""
        self._entered = in_foreground()
        if self._entered:
            self._enter()
        else:
            self._leave()

    async def watch_shell(self) -> None:
        """Hears of `fg` after `bg`, of which a shell tells nobody."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if in_foreground() != self._entered:
                self.go_on()

    def _suspend(self) -> None:
        """Ctrl-Z: the shell gets its terminal back, then the program stops as any other."""
        self._leave()
        if sys.platform != "win32":
            _die_of(signal.SIGTSTP)
            self.on_signal(signal.SIGTSTP, self._suspend)
        self.go_on()

    def _quit(self) -> None:
        self._leave()
        if sys.platform != "win32":
            _die_of(signal.SIGQUIT)


def _die_of(number: signal.Signals) -> None:
    """Lets a signal do what it does to a program that does not handle it."""
    asyncio.get_running_loop().remove_signal_handler(number)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)

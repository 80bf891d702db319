"""Signals that ask a command to end, while an event loop runs."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ..view.streams import hurry
from .ending import ending

T = TypeVar("T")


@contextmanager
def on_end_signals(act: Callable[[], object], *, distinct: bool = False) -> Iterator[None]:
    """Calls `act` in the event loop for each such signal.

    `distinct` signals are those that do not follow the last one too fast. What counts is when they
    come: a loop that is busy for long hears of several at once.
    """
    loop = asyncio.get_running_loop()

    def relay() -> None:
        hurry()
        if not (distinct and ending.is_repeated()):
            loop.call_soon_threadsafe(act)

    with ending.acting(relay):
        yield


async def cancelled_by_signals(work: Coroutine[Any, Any, T]) -> T:
    """Does work that each signal cancels, though not a second time while it tidies up.

    If the loop is too busy to hear of a signal, the next one interrupts what it does.
    """
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    cancel = task.cancel
    unheard = False

    def hear() -> None:
        nonlocal unheard
        unheard = False
        cancel()

    def act() -> None:
        nonlocal unheard
        hurry()
        if ending.is_repeated():
            return
        if unheard:
            raise KeyboardInterrupt
        unheard = True
        loop.call_soon_threadsafe(hear)

    if sys.platform != "win32":
        # With a handler of any signal, asyncio lets every signal wake the loop.
        loop.add_signal_handler(signal.SIGURG, lambda: None)
    with ending.acting(act):
        return await work

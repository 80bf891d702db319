"""Signals that ask a command to end in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

END_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl-C, a service manager, and a terminal that is closed, if the system knows it."""


@contextmanager
def on_end_signals(
    act: Callable[[], object], signals: tuple[signal.Signals, ...] = END_SIGNALS
) -> Iterator[None]:
    """Calls `act` in the event loop for each such signal."""
    loop = asyncio.get_running_loop()
    replaced: dict[signal.Signals, Any] = {}

    def relay(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(act)

    for number in signals:
        try:
            loop.add_signal_handler(number, act)
        except NotImplementedError:  # Windows
            replaced[number] = signal.signal(number, relay)
    try:
        yield
    finally:
        for number in signals:
            if number in replaced:
                signal.signal(number, replaced[number])
            else:
                loop.remove_signal_handler(number)


async def until_interrupted(work: Coroutine[Any, Any, object]) -> None:
    """Does work that has no end; Ctrl-C is the good way out of it."""
    task = asyncio.ensure_future(work)
    with on_end_signals(task.cancel):
        await asyncio.wait({task})
    if not task.cancelled():
        task.result()

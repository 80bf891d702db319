"""What a person asks of a run while it goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from enum import Enum


class Wish(Enum):
    """Something to be done at the next step boundary."""

    PAUSE = "pause"  # the device stands still until RESUME; other wishes are granted meanwhile
    RESUME = "resume"
    SAMPLE = "sample"  # a few texts of the model as it is
    EVALUATE = "evaluate"  # the loss of the documents held out
    LETTERS = "letters"  # the loss of each character
    DETACH = "detach"  # the board goes on by itself
    SAVE = "save"
    STOP = "stop"


class Wishes:
    """A queue of wishes, in the order in which they were made; a stop overtakes the others."""

    def __init__(self) -> None:
        self._queue: deque[Wish] = deque()
        self.arrived = asyncio.Event()
        """Set while there are any."""
        self.stop = asyncio.Event()
        """Set for good once a stop was asked for."""

    def ask(self, wish: Wish) -> None:
        """A wish that waits already is not made twice."""
        if wish is Wish.STOP:
            self.stop.set()
        if wish in self._queue:
            return
        if wish is Wish.STOP:
            self._queue.appendleft(wish)
        else:
            self._queue.append(wish)
        self.arrived.set()

    def take(self) -> Wish | None:
        """The next wish, or None if there is none."""
        wish = self._queue.popleft() if self._queue else None
        if not self._queue:
            self.arrived.clear()
        return wish

    async def wait(self, timeout_s: float) -> Wish | None:
        """The next wish, or None if none came in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.arrived.wait()
        return self.take()

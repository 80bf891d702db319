"""Requests that have not been answered."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import UgptError
from .envelope import Failure, Response
from .errors import device_error
from .schema import Method, Task

PROBE_ID = 0
"""Id of the pings that ask only whether the device is alive."""
REPEATED_AT_ONCE = 16
"""So many losses of one request may be accidents; more come from a line that changes bytes."""

_ID_BITS = 32


class PendingCall:
    """A request and the answer to come."""

    def __init__(self, method: Method, frame: bytes) -> None:
        self.method = method
        self.frame = frame
        self.tries = 0
        self.lost_tries = 0
        """Of these, those that were seen to be lost, on the way there or back."""
        self.first_sent = self.last_sent = 0
        loop = asyncio.get_running_loop()
        self.future: asyncio.Future[object] = loop.create_future()
        self.is_lost = False
        """Whether the latest try was seen to be lost."""
        self._repeat: asyncio.Future[None] = loop.create_future()

    def done(self) -> bool:
        return self.future.done()

    def sent(self, sending: int) -> None:
        """It is sent, once more; sendings are counted over all requests."""
        self.tries += 1
        self.first_sent = self.first_sent or sending
        self.last_sent = sending
        self.is_lost = False
        if self._repeat.done():
            self._repeat = asyncio.get_running_loop().create_future()

    def lose(self) -> None:
        """The latest try was seen to be lost."""
        if self.is_lost:
            return
        self.is_lost = True
        self.lost_tries += 1
        if self.lost_tries <= REPEATED_AT_ONCE:
            self._repeat.set_result(None)

    async def answered(self, timeout_s: float) -> bool:
        """False after this time, and as soon as it is to be repeated for what was lost."""
        ends: set[asyncio.Future[Any]] = {self.future, self._repeat}
        await asyncio.wait(ends, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        return self.future.done()

    def answer(self) -> object:
        return self.future.result()

    def abandon(self) -> None:
        """Nobody waits any more; an error that came is not to be reported as overlooked."""
        if not self.future.cancel() and not self.future.cancelled():
            self.future.exception()


class PendingCalls:
    """The requests in flight by their ids."""

    def __init__(self) -> None:
        self._calls: dict[int, PendingCall] = {}
        self._sendings = 0

    def __len__(self) -> int:
        return len(self._calls)

    def new_id(self) -> int:
        """Random: a device may still hold the answer to an id of the program before this one, and
        on a line that changes some bytes no request passes whose id has such a byte."""
        while (number := secrets.randbits(_ID_BITS)) in self._calls or number == PROBE_ID:
            pass
        return number

    @contextmanager
    def waiting(self, number: int, method: Method, frame: bytes) -> Iterator[PendingCall]:
        """A request that is in flight within the block."""
        pending = self._calls[number] = PendingCall(method, frame)
        try:
            yield pending
        finally:
            del self._calls[number]
            pending.abandon()

    def sent(self, pending: PendingCall) -> None:
        """To be called when a request is sent, in the order in which they are."""
        self._sendings += 1
        pending.sent(self._sendings)

    def take(self, message: Response | Failure) -> bool:
        """Gives an answer to the request it belongs to; False if none waits for it."""
        pending = self._calls.get(message.id)
        if pending is None or pending.done():
            return False
        if isinstance(message, Response):
            pending.future.set_result(message.result)
            self._overtake(pending)
        else:
            error = device_error(message.code, message.message, message.detail)
            pending.future.set_exception(error)
        return True

    def damaged(self) -> None:
        """A frame came damaged: probably the answer that was next."""
        waiting = [pending for pending in self._calls.values() if not pending.done()]
        if waiting:
            # The trainer may be busy; what is answered at once is next.
            min(waiting, key=lambda it: (it.method.task is Task.TRAINER, it.last_sent)).lose()

    def _overtake(self, answered: PendingCall) -> None:
        """Finds what is lost.

        A line keeps the order of what it carries, and a task of the device answers in that order.
        An error may come from another task than the answer would.
        """
        for other in self._calls.values():
            if (
                other.method.task is answered.method.task
                and other.last_sent < answered.first_sent
                and not other.done()
            ):
                other.lose()

    def fail(self, error: UgptError) -> None:
        """Everyone who waits gets the error."""
        for pending in self._calls.values():
            if not pending.done():
                pending.future.set_exception(error)

    def bytes_in_flight(self, answer_bytes: int) -> int:
        """Of all requests and of their answers, each as long as it can be."""
        return sum(len(pending.frame) + answer_bytes for pending in self._calls.values())

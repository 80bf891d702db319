"""Requests that have not been answered."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import UgptError
from .envelope import Failure, Response
from .errors import device_error
from .schema import Method


class PendingCall:
    """A request and the answer to come."""

    def __init__(self, method: Method, frame: bytes) -> None:
        self.method = method
        self.frame = frame
        self.tries = 1
        self.future: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    def done(self) -> bool:
        return self.future.done()

    async def answered(self, timeout_s: float) -> bool:
        await asyncio.wait({self.future}, timeout=timeout_s)
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
        # Random: a device may still hold the answer to an id of the program before this one.
        self._last_id = secrets.randbits(31)

    def __len__(self) -> int:
        return len(self._calls)

    def next_id(self) -> int:
        self._last_id = self._last_id % 0xFFFFFFFF + 1
        return self._last_id

    @contextmanager
    def waiting(self, number: int, method: Method, frame: bytes) -> Iterator[PendingCall]:
        """A request that is in flight within the block."""
        pending = self._calls[number] = PendingCall(method, frame)
        try:
            yield pending
        finally:
            del self._calls[number]
            pending.abandon()

    def take(self, message: Response | Failure) -> bool:
        """Gives an answer to the request it belongs to; False if none waits for it."""
        pending = self._calls.get(message.id)
        if pending is None or pending.done():
            return False
        if isinstance(message, Response):
            pending.future.set_result(message.result)
        else:
            error = device_error(message.code, message.message, message.detail)
            pending.future.set_exception(error)
        return True

    def fail(self, error: UgptError) -> None:
        """Everyone who waits gets the error."""
        for pending in self._calls.values():
            if not pending.done():
                pending.future.set_exception(error)

    def bytes_in_flight(self, answer_bytes: int) -> int:
        """Of all requests and of their answers, each as long as it can be."""
        return sum(len(pending.frame) + answer_bytes for pending in self._calls.values())

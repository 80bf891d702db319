"""More than one frame holds: pieces of the right size, and a window kept full of requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..concurrency import run_together
from ..rpc import messages
from ..rpc.errors import LinkClosed
from ..rpc.link import Link, LinkSession
from ..rpc.schema import Call

ResultT = TypeVar("ResultT")

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

Done = Callable[[int], None]
"""Called with the size, or the index, of what is done."""

# What a request or a response takes in a frame besides its data, at most.
_ENVELOPE_BYTES = 96
# In front of a document: MessagePack's marker and length.
_BIN_HEADER_BYTES = 3
_BIN_BYTES = messages.METHODS["ping"].param("payload").range[1]


def ignore(done: int) -> None:
    """Nobody wants to know what is done."""


class Bulk:
    """A link as a way for much data."""

    def __init__(self, link: Link | LinkSession) -> None:
        self._link = link

    @property
    def data_bytes(self) -> int:
        """How much data one request or answer holds."""
        if self._link.hello is None:
            raise LinkClosed
        return min(self._link.hello.frame_bytes - _ENVELOPE_BYTES, _BIN_BYTES)

    def fitting(self, documents: Sequence[bytes]) -> tuple[bytes, ...]:
        """As many of the documents as one frame holds, at least one."""
        room = self.data_bytes
        count = 0
        for document in documents:
            room -= len(document) + _BIN_HEADER_BYTES
            if room < 0:
                break
            count += 1
        return tuple(documents[: max(count, 1)])

    async def send(
        self,
        data: bytes,
        call: Callable[[int, bytes], Call[None]],
        done: Done = ignore,
        *,
        unit_bytes: int = 1,
    ) -> None:
        """Sends data in pieces of whole units; `call` is the request for one at an offset."""
        most = self.data_bytes // unit_bytes * unit_bytes
        pieces = [(offset, data[offset : offset + most]) for offset in range(0, len(data), most)]
        await self.call_all(
            [call(offset, piece) for offset, piece in pieces],
            lambda index: done(len(pieces[index][1])),
        )

    async def receive(
        self, count: int, most: int, call: Callable[[int, int], Call[bytes]], done: Done = ignore
    ) -> bytes:
        """Asks for `count` things in portions of at most `most`; `call` is the request for one.

        Passes `done` the number of each portion that has come.
        """
        portions = [(first, min(most, count - first)) for first in range(0, count, most)]
        parts = await self.call_all(
            [call(*portion) for portion in portions], lambda index: done(portions[index][1])
        )
        return b"".join(parts)

    async def call_all(
        self,
        calls: Sequence[Call[ResultT]],
        done: Done = ignore,
    ) -> list[ResultT]:
        """Keeps the window full of calls; passes `done` the index of each that is answered.

        Returns the results in the order of the calls, or raises the first error.
        """
        results: dict[int, ResultT] = {}
        todo = iter(enumerate(calls))

        async def work() -> None:
            for index, call in todo:
                results[index] = await self._link.call(call)
                done(index)

        window = self._link.stats.window
        await run_together(*(work() for _ in range(min(window, len(calls)))))
        return [results[index] for index in range(len(calls))]


def counter(total: int, progress: Progress | None) -> Done:
    """Sums what is done and tells `progress`."""
    so_far = 0

    def done(size: int) -> None:
        nonlocal so_far
        so_far += size
        if progress is not None:
            progress(so_far, total)

    return done

"""More than one frame holds: pieces of the right size, and a window kept full of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from ..concurrency import run_together
from ..rpc import messages
from ..rpc.errors import LinkClosed
from ..rpc.link import Link, LinkSession
from ..rpc.schema import Call

ResultT = TypeVar("ResultT")

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

# What a request or a response takes in a frame besides its data, at most.
_ENVELOPE_BYTES = 96
# In front of a document: MessagePack's marker and length.
_BIN_HEADER_BYTES = 3
_BIN_BYTES = messages.METHODS["ping"].param("payload").range[1]


class Bulk:
    """A link as a way for much data."""

    def __init__(self, link: Link | LinkSession) -> None:
        self._link = link

    @property
    def data_bytes(self) -> int:
        """How much data one request or answer should hold; less while the line damages bytes."""
        if self._link.hello is None:
            raise LinkClosed
        room = self._link.hello.frame_bytes - _ENVELOPE_BYTES
        return min(room, _BIN_BYTES, self._link.stats.quality.data_bytes)

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

    async def call_all(self, calls: Iterable[Call[ResultT]]) -> list[ResultT]:
        """Keeps the window full of calls.

        Returns the results in the order of the calls, or raises the first error.
        """
        results: dict[int, ResultT] = {}
        todo = iter(enumerate(calls))

        async def work() -> None:
            for index, call in todo:
                results[index] = await self._link.call(call)

        await run_together(*(work() for _ in range(self._link.stats.window)))
        return [results[index] for index in range(len(results))]

    async def call_pieces(
        self,
        size: int,
        most: Callable[[], int],
        call_of: Callable[[int, int], Call[ResultT]],
        done: Callable[[int], None] | None = None,
    ) -> list[ResultT]:
        """As `call_all`, of `call_of(offset, size)` for each piece of something.

        `most` is asked at each piece how large it may be; `done` gets the size of each that was
        answered.
        """
        results: dict[int, ResultT] = {}
        todo = _pieces(size, most)

        async def work() -> None:
            for offset, count in todo:
                results[offset] = await self._link.call(call_of(offset, count))
                if done is not None:
                    done(count)

        await run_together(*(work() for _ in range(self._link.stats.window)))
        return [results[offset] for offset in sorted(results)]


def _pieces(size: int, most: Callable[[], int]) -> Iterator[tuple[int, int]]:
    """Offsets and sizes."""
    offset = 0
    while offset < size:
        count = min(most(), size - offset)
        yield offset, count
        offset += count


def counter(total: int, progress: Progress | None) -> Callable[[int], None]:
    """Sums what is done and tells `progress`."""
    so_far = 0

    def done(size: int) -> None:
        nonlocal so_far
        so_far += size
        if progress is not None:
            progress(so_far, total)

    return done

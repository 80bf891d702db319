"""More than one frame holds: pieces of the right size, and a window kept full of requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from ..concurrency import run_together
from ..rpc import messages
from ..rpc.errors import LinkClosed, ProtocolError
from ..rpc.link import Link, LinkSession
from ..rpc.schema import Call
from ..wording import counted

ResultT = TypeVar("ResultT")
T = TypeVar("T")

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

    async def send(
        self,
        data: bytes,
        call: Callable[[int, bytes], Call[None]],
        done: Done = ignore,
        *,
        unit_bytes: int = 1,
    ) -> None:
        """Sends data in pieces of whole units; `call` is the request for one at an offset."""

        async def send_piece(offset: int, size: int) -> None:
            await self._link.call(call(offset, data[offset : offset + size]))
            done(size)

        await self._keep_full(_pieces(len(data), lambda: self._units(unit_bytes)), send_piece)

    async def receive(
        self,
        count: int,
        call: Callable[[int, int], Call[bytes]],
        done: Done = ignore,
        *,
        unit_bytes: int = 1,
        most: int | None = None,
        what: str,
    ) -> bytes:
        """Asks for `count` things of `unit_bytes` each; `call` is the request for a portion.

        No portion has more than `most` things; `done` gets the number in each that has come.
        Raises ProtocolError, naming `what` was asked for, for a portion of another size.
        """
        parts: dict[int, bytes] = {}

        def portion() -> int:
            fitting = self._units(unit_bytes) // unit_bytes
            return fitting if most is None else min(fitting, most)

        async def receive_portion(first: int, size: int) -> None:
            part = await self._link.call(call(first, size))
            if len(part) != size * unit_bytes:
                sent, wanted = counted(len(part), "byte"), size * unit_bytes
                raise ProtocolError(f"The device sent {sent} of {what} instead of {wanted:,}.")
            parts[first] = part
            done(size)

        await self._keep_full(_pieces(count, portion), receive_portion)
        return b"".join(parts[first] for first in sorted(parts))

    async def call_all(self, calls: Sequence[Call[ResultT]]) -> list[ResultT]:
        """Returns the results in the order of the calls, or raises the first error."""
        results: dict[int, ResultT] = {}

        async def ask(index: int, call: Call[ResultT]) -> None:
            results[index] = await self._link.call(call)

        await self._keep_full(enumerate(calls), ask)
        return [results[index] for index in range(len(calls))]

    def _units(self, unit_bytes: int) -> int:
        """The bytes of as many whole units as a frame should hold, one at least."""
        return max(self.data_bytes // unit_bytes, 1) * unit_bytes

    async def _keep_full(
        self, tasks: Iterable[tuple[int, T]], work: Callable[[int, T], Awaitable[None]]
    ) -> None:
        """Keeps the window full. A task is drawn only when there is room for it."""
        todo = iter(tasks)

        async def take_turns() -> None:
            for number, task in todo:
                await work(number, task)

        await run_together(*(take_turns() for _ in range(self._link.stats.window)))


def _pieces(size: int, most: Callable[[], int]) -> Iterator[tuple[int, int]]:
    """Offsets and sizes; each piece is as large as `most` allows when its turn comes."""
    offset = 0
    while offset < size:
        count = min(most(), size - offset)
        yield offset, count
        offset += count


def counter(total: int, progress: Progress | None) -> Done:
    """Sums what is done and tells `progress`."""
    so_far = 0

    def done(size: int) -> None:
        nonlocal so_far
        so_far += size
        if progress is not None:
            progress(so_far, total)

    return done

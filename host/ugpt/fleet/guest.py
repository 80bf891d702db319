"""Connections to the TCP port of a board. What they send counts only as whole frames."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ..rpc.address import Address
from ..rpc.frames import Frame, FrameDecoder

READ_BYTES = 16 * 1024
_MOST_NOISE_BYTES = 64 * 1024  # without a frame among them
_TAKE_TIMEOUT_S = 10.0
_FAREWELL_S = 2.0


class Guest:
    """One connection, and what is known of who is at its other end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = FrameDecoder()
        self._bodies: deque[bytes] = deque()
        host, port, *_ = writer.get_extra_info("peername") or ("a connection that has ended", 0)
        self.address = str(Address(host, port))
        self.heard_at_s = asyncio.get_running_loop().time()
        """When it sent a frame, or came."""

    @property
    def is_gone(self) -> bool:
        """Whether it has hung up."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def next_body(self) -> bytes | None:
        """The body of its next frame; None if it hangs up, or sends anything but frames."""
        noise_bytes = 0
        while not self._bodies:
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError:
                return None
            noise_bytes += len(data)
            if not data or noise_bytes > _MOST_NOISE_BYTES:
                return None
            found = self._decoder.feed(data)
            self._bodies += [piece.body for piece in found if isinstance(piece, Frame)]
        self.heard_at_s = asyncio.get_running_loop().time()
        return self._bodies.popleft()

    async def send(self, data: bytes) -> bool:
        """Whether it takes these bytes; waits while it is behind."""
        try:
            async with asyncio.timeout(_TAKE_TIMEOUT_S):
                self._writer.write(data)
                await self._writer.drain()
        except (OSError, TimeoutError):
            return False
        return True

    async def turn_away(self, line: bytes) -> None:
        """Says why it is not served (any more), and waits a while for it to hang up.

        Hanging up on what it still sends would reset the connection, and take the line back.
        """
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                self._writer.write(line)
                self._writer.write_eof()
                while await self._reader.read(READ_BYTES):
                    pass

    def hang_up(self) -> None:
        """At once, if it does not take what was sent."""
        if self._writer.transport.get_write_buffer_size():
            self._writer.transport.abort()
        self._writer.close()


class Lobby:
    """Guests that have no board: so many at most, and the one that came first has to go."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._guests: dict[Guest, None] = {}

    def __len__(self) -> int:
        return len(self._guests)

    @contextmanager
    def waiting(self, guest: Guest) -> Iterator[None]:
        """Within the block the guest is here, unless it has to make room."""
        if len(self._guests) >= self._most:
            first = next(iter(self._guests))
            del self._guests[first]
            first.hang_up()
        self._guests[guest] = None
        try:
            yield
        finally:
            self._guests.pop(guest, None)

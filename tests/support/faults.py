"""A bad line: frames that are lost, damaged, doubled, cut, late, in a fixed order."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

LATE_S = 0.02


@dataclass(frozen=True)
class Faults:
    """Shares of the frames that something happens to, each from 0 to 1."""

    dropped: float = 0.0
    corrupted: float = 0.0
    cut: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    junk: float = 0.0
    """Frames with random bytes in front."""


BAD_LINE = Faults(dropped=0.2, corrupted=0.05, cut=0.05, doubled=0.1, late=0.1, junk=0.05)


class FaultySide:
    """One direction of a bad line; the same seed does the same to the same frames."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._random = random.Random(seed)
        self._pending = bytearray()
        self.mangled = 0
        self.frames = 0

    def pass_on(self, data: bytes) -> list[bytes]:
        """What arrives for what was sent, in pieces; whole frames are held until they are whole."""
        self._pending += data
        pieces: list[bytes] = []
        while (end := self._pending.find(b"\0", 1)) >= 0:
            frame = bytes(self._pending[: end + 1])
            del self._pending[: end + 1]
            self.frames += 1
            mangled = self._mangle(frame)
            self.mangled += mangled != frame
            pieces += self._split(mangled)
        return pieces

    def is_late(self) -> bool:
        return self._happens(self._faults.late)

    def _mangle(self, frame: bytes) -> bytes:
        if self._happens(self._faults.dropped):
            return b""
        position = self._random.randrange(len(frame))
        if self._happens(self._faults.corrupted):
            flipped = frame[position] ^ (1 << self._random.randrange(8))
            frame = frame[:position] + bytes([flipped]) + frame[position + 1 :]
        if self._happens(self._faults.cut):
            frame = frame[:position] + frame[position + self._random.randrange(1, 40) :]
        if self._happens(self._faults.junk):
            frame = self._random.randbytes(self._random.randrange(1, 30)) + frame
        return frame * 2 if self._happens(self._faults.doubled) else frame

    def _split(self, data: bytes) -> list[bytes]:
        middle = self._random.randrange(len(data) + 1)
        return [piece for piece in (data[:middle], data[middle:]) if piece]

    def _happens(self, share: float) -> bool:
        return self._random.random() < share


class ChangedSide:
    """One direction of a line that is not 8-bit clean: it does the same to every byte."""

    def __init__(self, change: Callable[[bytes], bytes]) -> None:
        self._change = change

    def pass_on(self, data: bytes) -> list[bytes]:
        return [self._change(data)]

    def is_late(self) -> bool:
        return False


class NoisySide:
    """One direction of a line on which each byte is wrong with the same chance."""

    def __init__(self, byte_errors: float, seed: int) -> None:
        self._byte_errors = byte_errors
        self._random = random.Random(seed)
        self._gap = self._next_gap()
        self.errors = 0

    def pass_on(self, data: bytes) -> list[bytes]:
        changed = bytearray(data)
        position = self._gap
        while position < len(changed):
            changed[position] ^= self._random.randrange(1, 256)
            self.errors += 1
            position += 1 + self._next_gap()
        self._gap = position - len(changed)
        return [bytes(changed)]

    def is_late(self) -> bool:
        return False

    def _next_gap(self) -> int:
        """Whole bytes until the next wrong one."""
        if not self._byte_errors:
            return sys.maxsize // 2
        return int(math.log(1.0 - self._random.random()) / math.log(1.0 - self._byte_errors))


class Side(Protocol):
    """One direction of a line."""

    def pass_on(self, data: bytes) -> list[bytes]: ...

    def is_late(self) -> bool: ...


class FaultyProxy:
    """A TCP port in front of another, with a bad line between them."""

    def __init__(self, host: str, port: int, sides: tuple[Side, Side]) -> None:
        self._upstream = (host, port)
        self.sides = sides
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        pumps = {
            asyncio.create_task(self._pump(reader, far_writer, self.sides[0])),
            asyncio.create_task(self._pump(far_reader, writer, self.sides[1])),
        }
        self._tasks |= pumps
        await asyncio.wait(pumps)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, side: Side
    ) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    for piece in side.pass_on(data):
                        if side.is_late():
                            # Not a wait for anything: being late is the fault.
                            await asyncio.sleep(LATE_S)
                        writer.write(piece)
                        await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def proxy_of(address: str, sides: tuple[Side, Side]) -> AsyncIterator[FaultyProxy]:
    """Puts a line, to the device and back, before `socket://HOST:PORT`; `.address` is its own."""
    host, _, port = address.removeprefix("socket://").rpartition(":")
    proxy = FaultyProxy(host, int(port), sides)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.address = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.stop()

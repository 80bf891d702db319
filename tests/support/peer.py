"""A peer for tests of the link alone: it speaks real frames over a line in memory.

It decides nothing a device decides; whatever needs a device is tested against the virtual one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgpack

from ugpt.device.client import Device
from ugpt.rpc.codec import encode_record
from ugpt.rpc.errors import PortError
from ugpt.rpc.frames import Frame, FrameDecoder, encode_frame
from ugpt.rpc.link import Link
from ugpt.rpc.messages import FIRST_BAUD, PROTOCOL_MAJOR, PROTOCOL_MINOR, ErrorCode, Hello
from ugpt.rpc.messages import HELLO as HELLO_LAYOUT

HELLO = Hello(
    major=PROTOCOL_MAJOR,
    minor=PROTOCOL_MINOR,
    build="test",
    chip="esp32",
    board="esp32dev",
    virtual_device=False,
    cores=2,
    clock_hz=240_000_000,
    memory_blocks=(172_032, 113_664),
    checkpoint_bytes=0,
    boot=1000,
    frame_bytes=1280,
    window=4,
    baud_max=0,
)

Handler = Callable[[list[Any]], list[object]]
Fault = Callable[[bytes], list[bytes]]


class Refused(Exception):
    """Raised by a handler to answer with an error."""

    def __init__(self, code: ErrorCode, message: str, detail: int = 0) -> None:
        super().__init__(code, message, detail)


def _request_in(body: bytes) -> list[Any] | None:
    """None for a frame that is none of the protocol's, which firmware leaves unanswered."""
    try:
        message = msgpack.unpackb(body)
    except (ValueError, msgpack.UnpackException):
        return None
    return message if isinstance(message, list) and len(message) == 4 else None


class MemoryLine:
    """The host's end of a line to a peer; bytes sent at another rate than the peer's are junk."""

    def __init__(self, peer: Peer, can_set_baud: bool) -> None:
        self.name = "memory"
        self.can_set_baud = can_set_baud
        self.baud = FIRST_BAUD
        self.rates: list[int] = []
        """Rates that the host has set, in their order."""
        self.closed = False
        self._peer = peer
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> bytes:
        return await self._arrived.get()

    async def write(self, data: bytes) -> None:
        await asyncio.sleep(0)
        self._peer.receive(data)

    async def set_baud(self, baud: int) -> None:
        if baud not in self._peer.port_rates:
            raise PortError(f"Port {self.name} cannot run at {baud} baud.")
        self.baud = baud
        self.rates.append(baud)

    def stands_still(self) -> bool:
        return self._peer.stands_still

    async def close(self) -> None:
        self.closed = True

    def arrive(self, data: bytes) -> None:
        self._arrived.put_nowait(data)


class Peer:
    """Answers requests with `handlers`, by method; methods without one are never answered."""

    def __init__(self, hello: Hello = HELLO, *, seed: int = 1) -> None:
        self.hello = hello
        self.handlers: dict[str, Handler] = {
            "hello": self._hello,
            "ping": lambda params: params,
            "set_baud": self._set_baud,
            "reset": self._reset,
        }
        self.delays_s: dict[str, float] = {}
        self.stands_still = False
        """Whether it is known to be stopped."""
        self.deaf = False
        self.unheard_bytes = 0
        """Sent to it while it was deaf."""
        self.to_host: Fault = lambda frame: [frame]
        self.from_host: Fault = lambda frame: [frame]
        self.port_rates = {FIRST_BAUD, 230400, 460800, 921600}
        self.dependable_baud = 5_000_000
        self.requests: list[tuple[int, str]] = []
        self.in_flight: set[int] = set()
        self.most_in_flight = 0
        self.baud = FIRST_BAUD
        self.line = MemoryLine(self, can_set_baud=hello.baud_max > 0)
        self._handshake_done = False
        self._pending_baud = 0
        self._trial: asyncio.TimerHandle | None = None
        self._random = random.Random(seed)
        self._decoder = FrameDecoder()

    def restart(self, *, silently: bool = True) -> None:
        """Starts anew, at the first rate and with another boot number."""
        self.hello = replace(self.hello, boot=self.hello.boot + 1)
        self.baud = FIRST_BAUD
        self.in_flight.clear()
        self._handshake_done = False
        if not silently:
            self.say(b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13\r\n")

    def say(self, data: bytes) -> None:
        """Sends bytes that are no frame, or not one of ours."""
        self.line.arrive(self._garble(data))

    def send(self, message: list[object]) -> None:
        for part in self.to_host(encode_frame(msgpack.packb(message, use_single_float=True))):
            self.say(part)

    def receive(self, data: bytes) -> None:
        if self.deaf:
            self.unheard_bytes += len(data)
            return
        for part in self.from_host(data):
            for piece in self._decoder.feed(self._garble(part)):
                if isinstance(piece, Frame) and (message := _request_in(piece.body)):
                    self._take(message)

    def _take(self, message: list[Any]) -> None:
        _, number, method, params = message
        self.requests.append((number, method))
        if self._trial is not None:
            self._trial.cancel()
        if method not in self.handlers:
            return
        self.in_flight.add(number)
        self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
        delay_s = self.delays_s.get(method, 0.0)
        asyncio.get_running_loop().call_later(delay_s, self._answer, number, method, params)

    def _answer(self, number: int, method: str, params: list[Any]) -> None:
        if number not in self.in_flight:
            return
        self.in_flight.discard(number)
        try:
            if not self._handshake_done and method != "hello":
                raise Refused(ErrorCode.HELLO_FIRST, "Say hello first.")
            self.send([1, number, None, self.handlers[method](params)])
        except Refused as refused:
            self.send([1, number, list(refused.args), None])
        if self._pending_baud:
            self._change_baud()

    def _hello(self, params: list[Any]) -> list[object]:
        self._handshake_done = True
        sent = [
            value
            for field, value in zip(HELLO_LAYOUT.fields, encode_record(self.hello), strict=True)
            if field.since <= self.hello.minor
        ]
        if self.hello.minor > PROTOCOL_MINOR:
            sent.append("a field of the future")
        return [sent]

    def _reset(self, params: list[Any]) -> list[object]:
        asyncio.get_running_loop().call_soon(self.restart)
        return []

    def _set_baud(self, params: list[Any]) -> list[object]:
        self._pending_baud = params[0]
        return [params[0]]

    def _change_baud(self) -> None:
        self.baud, self._pending_baud = self._pending_baud, 0
        loop = asyncio.get_running_loop()
        self._trial = loop.call_later(1.0, lambda: setattr(self, "baud", FIRST_BAUD))

    def _garble(self, data: bytes) -> bytes:
        if self.line.baud != self.baud:
            return self._random.randbytes(len(data))
        if self.baud > self.dependable_baud and len(data) > 400:
            position = self._random.randrange(len(data))
            return data[:position] + data[position + 1 :]
        return data


@asynccontextmanager
async def device_of(peer: Peer) -> AsyncIterator[Device]:
    """The client of a peer."""
    link = Link(peer.line)
    try:
        await link.open(3.0)
        yield Device(link, "a peer")
    finally:
        await link.close()


@asynccontextmanager
async def serving(peer: Peer) -> AsyncIterator[str]:
    """A port at which a peer answers one program after another."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def answer() -> None:
            while data := await peer.line.read():
                writer.write(data)
                await writer.drain()

        answering = asyncio.create_task(answer())
        try:
            while data := await reader.read(4096):
                peer.receive(data)
        finally:
            answering.cancel()
            await asyncio.wait({answering})
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"

"""Servers of RFC 2217 with a serial port behind them: one of our own, and pyserial's.

Ours shares no code with the host, can refuse what a server may refuse, and counts what it hears.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import serial

IAC, SB, SE = 255, 250, 240
WILL, WONT, DO, DONT = 251, 252, 253, 254
BINARY, COM_PORT = 0, 44
BAUD, DATA_SIZE, PARITY, STOP_SIZE, CONTROL, PURGE = 1, 2, 3, 4, 5, 12
SUSPEND, RESUME = 108, 109


@dataclass
class Manners:
    """What a server does otherwise than asked."""

    speaks_telnet: bool = True
    refused_options: frozenset[int] = frozenset()
    unanswered: frozenset[int] = frozenset()
    """Commands of the com port option that get no answer."""
    fixed: dict[int, bytes] = field(default_factory=dict)
    """What is answered to a command, whatever it asks for."""
    rates: frozenset[int] = frozenset({115200, 230400, 460800, 921600})
    banner: bytes = b""


class ComPortServer:
    """One client at a time."""

    def __init__(self, path: str, manners: Manners) -> None:
        self.address = ""
        self.manners = manners
        self.commands: list[tuple[int, bytes]] = []
        self.on_lines: Callable[[str, bool], None] = lambda name, level: None
        self._port = serial.Serial(path, 115200, timeout=0)
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        writer.write(self.manners.banner)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._port.fileno(), self._pass_on)
        try:
            if self.manners.speaks_telnet:
                await self._converse(reader)
            else:
                while data := await reader.read(4096):
                    self._port.write(data)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            loop.remove_reader(self._port.fileno())
            writer.close()

    def hang_up(self) -> None:
        assert self._writer is not None
        self._writer.close()

    def reset(self) -> None:
        """Ends the connection as a computer does that knows nothing of it."""
        assert self._writer is not None
        end = self._writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def flow(self, goes_on: bool) -> None:
        self._send_command(RESUME if goes_on else SUSPEND, b"")

    def close(self) -> None:
        self._port.close()

    def _pass_on(self) -> None:
        assert self._writer is not None
        data = os.read(self._port.fileno(), 4096)
        doubled = data.replace(b"\xff", b"\xff\xff") if self.manners.speaks_telnet else data
        self._writer.write(doubled)

    async def _converse(self, reader: asyncio.StreamReader) -> None:
        while True:
            byte = (await reader.readexactly(1))[0]
            if byte != IAC:
                self._port.write(bytes((byte,)))
                continue
            command = (await reader.readexactly(1))[0]
            if command == IAC:
                self._port.write(b"\xff")
            elif command == SB:
                self._obey(await self._subnegotiation(reader))
            elif command in (WILL, DO):
                option = (await reader.readexactly(1))[0]
                refused = option in self.manners.refused_options
                agreed, declined = (DO, DONT) if command == WILL else (WILL, WONT)
                self._send(bytes((IAC, declined if refused else agreed, option)))
            else:
                await reader.readexactly(1)

    async def _subnegotiation(self, reader: asyncio.StreamReader) -> bytes:
        body = b""
        while True:
            byte = await reader.readexactly(1)
            if byte[0] == IAC:
                byte = await reader.readexactly(1)
                if byte[0] == SE:
                    return body
            body += byte

    def _obey(self, body: bytes) -> None:
        option, command, value = body[0], body[1], body[2:]
        assert option == COM_PORT
        self.commands.append((command, value))
        if command == CONTROL and value[0] in (8, 9, 11, 12):
            self.on_lines("dtr" if value[0] < 10 else "rts", value[0] in (8, 11))
        if command == BAUD:
            (baud,) = struct.unpack("!I", value)
            if baud in self.manners.rates:
                self._port.baudrate = baud
            value = struct.pack("!I", self._port.baudrate)
        if command not in self.manners.unanswered:
            self._send_command(100 + command, self.manners.fixed.get(command, value))

    def _send_command(self, command: int, value: bytes) -> None:
        value = value.replace(b"\xff", b"\xff\xff")
        self._send(bytes((IAC, SB, COM_PORT, command)) + value + bytes((IAC, SE)))

    def _send(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)


@asynccontextmanager
async def com_port_server(
    path: str, manners: Manners | None = None
) -> AsyncIterator[ComPortServer]:
    """Serves the port at `path`; `.address` is where."""
    served = ComPortServer(path, manners or Manners())
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.address = f"rfc2217://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()
        served.close()


@contextmanager
def pyserial_server(path: str, manager_of: Callable[[Any, Any], Any]) -> Iterator[str]:
    """Serves the port at `path` by a PortManager of pyserial, in a thread; gives the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop_reader, stop_writer = os.pipe()
    port = serial.Serial(path, 115200, timeout=0)
    thread = threading.Thread(
        target=_serve_clients, args=(listener, stop_reader, port, manager_of), daemon=True
    )
    thread.start()
    try:
        yield f"rfc2217://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        os.write(stop_writer, b"\0")
        thread.join(10.0)
        listener.close()
        port.close()
        os.close(stop_reader)
        os.close(stop_writer)


class _Connection:
    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        with self._lock:
            self._client.sendall(data)


def _serve_clients(
    listener: socket.socket, stop: int, port: Any, manager_of: Callable[[Any, Any], Any]
) -> None:
    while stop not in select.select([listener, stop], [], [])[0]:
        client, _ = listener.accept()
        with client:
            connection = _Connection(client)
            manager = manager_of(port, connection)
            end_reader, end_writer = os.pipe()
            # Each way in a thread of its own: a port whose board waits to be heard takes nothing.
            reading = threading.Thread(
                target=_pass_on, args=(port, connection, manager, end_reader), daemon=True
            )
            reading.start()
            _take_in(client, stop, port, manager)
            os.write(end_writer, b"\0")
            reading.join(10.0)
            os.close(end_reader)
            os.close(end_writer)


def _pass_on(port: Any, connection: _Connection, manager: Any, end: int) -> None:
    with contextlib.suppress(OSError):
        while end not in select.select([port.fileno(), end], [], [])[0]:
            connection.write(b"".join(manager.escape(port.read(4096))))


def _take_in(client: socket.socket, stop: int, port: Any, manager: Any) -> None:
    with contextlib.suppress(OSError):
        while stop not in select.select([client, stop], [], [])[0]:
            data = client.recv(4096)
            if not data:
                return
            port.write(b"".join(manager.filter(data)))

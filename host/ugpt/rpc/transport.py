"""Bytes to and from a device. No other module knows what kind of port it talks through.

A transport raises `PortLost` (or `DeviceProgramError`) once its port is gone, and the other
subclasses of `PortError` if it cannot be opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import serial
import serial_asyncio

from .address import parse_url
from .errors import (
    DeviceProgramError,
    PortBusy,
    PortError,
    PortLost,
    PortNotFound,
    PortPermission,
    WrongDeviceOption,
)
from .holders import VIRTUAL_PROGRAM, holders_of
from .messages import FIRST_BAUD
from .refusal import MARK, REFUSAL_MAX_BYTES, refusal

READ_BYTES = 64 * 1024
CLOSE_TIMEOUT_S = 2.0
_SCARCE = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM}
_WRONG_OPTION_STATUS = 2  # of the program of the virtual device


class Transport(Protocol):
    """A stream of bytes with a device at its end."""

    name: str
    can_set_baud: bool

    async def read(self) -> bytes:
        """Returns bytes as they arrive, b"" at the end of the stream."""

    async def write(self, data: bytes) -> None:
        """Sends bytes; waits while the port takes no more."""

    async def set_baud(self, baud: int) -> None:
        """Changes the rate at once; allowed if `can_set_baud` is true."""

    def stands_still(self) -> bool:
        """Whether the other end is known to be stopped for now, so that it cannot answer."""

    async def close(self) -> None:
        """Gives the port back; allowed more than once."""


class StreamTransport:
    """A transport over a pair of asyncio streams."""

    can_set_baud = False

    def __init__(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.name = name
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        try:
            return await self._reader.read(READ_BYTES)
        except OSError as error:
            raise self._lost(error) from error

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise self._lost(error) from error

    async def set_baud(self, baud: int) -> None:
        raise PortError(f"Port {self.name} has no rate to set to {baud}.")

    def stands_still(self) -> bool:
        return False

    async def close(self) -> None:
        self._writer.close()
        # A peer that is gone already makes this fail, which is no news here.
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), CLOSE_TIMEOUT_S)

    def _lost(self, error: OSError) -> PortLost:
        # pyserial's own errors have no number, and a paragraph of possible causes.
        return PortLost(self.name, _reason(error) if error.errno else "the device is gone")


class SocketTransport(StreamTransport):
    """A device behind a socket, which has one host at a time and tells others who that is."""

    def __init__(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(name, reader, writer)
        self._is_first = True

    async def read(self) -> bytes:
        data = await super().read()
        if self._is_first and data.startswith(MARK):
            raise refusal(self.name, await self._whole_line(data))
        self._is_first = False
        return data

    async def _whole_line(self, line: bytes) -> bytes:
        """The line that begins so; of one without end, as much as a refusal can have."""
        while b"\n" not in line and len(line) < REFUSAL_MAX_BYTES:
            more = await super().read()
            if not more:
                break
            line += more
        return line.partition(b"\n")[0][:REFUSAL_MAX_BYTES]


async def open_socket(url: str) -> SocketTransport:
    """Connects to `socket://HOST:PORT`."""
    advice = "Start a device there first: ugpt sim --listen HOST:PORT."
    return SocketTransport(url, *await open_stream(url, advice))


async def open_stream(url: str, advice: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects to the address in SCHEME://HOST:PORT; `advice` is for when nothing is there."""
    address = parse_url(url)
    try:
        async with asyncio.timeout(10.0):
            return await asyncio.open_connection(address.host, address.port)
    except TimeoutError as error:
        raise PortNotFound(url, "the host does not answer", advice) from error
    except socket.gaierror as error:
        raise PortNotFound(
            url, f"no address of {address.host} is known", "Look at the name of the host."
        ) from error
    except OSError as error:
        reason = (
            "nothing listens there" if isinstance(error, ConnectionRefusedError) else _reason(error)
        )
        raise PortNotFound(url, reason, advice) from error


class _QuietSerialTransport(serial_asyncio.SerialTransport):  # type: ignore[misc]
    """Reports a vanished port to the reader alone, not also with a traceback on the screen."""

    def _fatal_error(self, exc: BaseException, message: str = "") -> None:
        self._abort(exc)


class SerialTransport(StreamTransport):
    """A serial port or a pseudo-terminal."""

    def __init__(
        self,
        name: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        port: serial.Serial,
    ) -> None:
        super().__init__(name, reader, writer)
        self._port = port
        self.can_set_baud = _has_modem_lines(port)

    async def set_baud(self, baud: int) -> None:
        try:
            with termios_errors_as_os_errors():
                self._port.baudrate = baud
        except (OSError, ValueError) as error:
            raise PortError(f"Port {self.name} cannot run at {baud} baud.") from error

    async def close(self) -> None:
        # Closing waits for unsent bytes; a board that hangs must not make this program hang.
        with contextlib.suppress(OSError), termios_errors_as_os_errors():
            if self._port.is_open:
                self._port.reset_output_buffer()
        await super().close()


async def open_serial(path: str, *, keep_lines: bool = False) -> SerialTransport:
    """Opens a serial port at 115,200 baud, 8N1, for this program alone.

    Both control lines are asserted, which is what Linux does at open anyway, so that setting them
    does not pass through "RTS alone", which resets usual boards. `keep_lines` leaves them so at
    close too, for which the system would drop them.
    """
    port = serial.Serial(baudrate=FIRST_BAUD, exclusive=True)
    port.port = path
    port.dtr = port.rts = True
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    try:
        with termios_errors_as_os_errors():
            port.open()
            if keep_lines:
                _keep_lines_at_close(port.fileno())
            stream = _QuietSerialTransport(loop, protocol, port)
    except (OSError, ValueError) as error:
        port.close()  # it may have vanished after it was opened
        raise open_error(path, error) from error
    return SerialTransport(path, reader, asyncio.StreamWriter(stream, protocol, reader, loop), port)


class ProcessTransport(StreamTransport):
    """A program that speaks on its standard streams, ended when the transport is closed."""

    def __init__(
        self,
        name: str,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        errors: asyncio.StreamReader,
        advice_for: Callable[[str], str],
    ) -> None:
        """`advice_for` knows what to do about the last words of a program that ended."""
        super().__init__(name, reader, writer)
        self._advice_for = advice_for
        self._process = process
        self._last_words: deque[str] = deque(maxlen=20)
        self._listener = asyncio.create_task(self._listen(errors))

    async def read(self) -> bytes:
        data = await super().read()
        if data:
            return data
        raise await self._ended()

    async def write(self, data: bytes) -> None:
        try:
            await super().write(data)
        except PortLost as error:
            raise await self._ended() from error

    def stands_still(self) -> bool:
        if sys.platform != "linux":
            return False  # other systems do not tell without taking the exit status too
        try:
            options = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self._process.pid, options) is not None
        except ChildProcessError:
            return False

    async def close(self) -> None:
        try:
            await end_process(self._process, CLOSE_TIMEOUT_S)
        finally:
            self._listener.cancel()
            await asyncio.wait({self._listener})
            await super().close()

    async def _listen(self, errors: asyncio.StreamReader) -> None:
        while line := await errors.readline():
            self._last_words.append(line.decode(errors="replace").strip())

    async def _ended(self) -> DeviceProgramError:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), CLOSE_TIMEOUT_S)
            await asyncio.wait({self._listener}, timeout=CLOSE_TIMEOUT_S)
        last_words = self._last_words[-1] if self._last_words else ""
        return ended_error(
            self.name, self._process.returncode, last_words, self._advice_for(last_words)
        )


async def end_process(process: asyncio.subprocess.Process, timeout_s: float) -> None:
    """Asks a program to end, and ends it if it has not done so after this time."""
    assert process.stdin is not None
    process.stdin.close()  # which ends a device too, should it ignore signals
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), timeout_s)
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def ended_error(
    name: str, status: int | None, last_words: str, advice: str = ""
) -> DeviceProgramError:
    """What it means that a program has ended with a status, and what it said last."""
    said = re.sub(r"^[\w-]+: ", "", last_words).rstrip(".")  # without its name
    if status == _WRONG_OPTION_STATUS and said:
        return WrongDeviceOption(f"{said[0].upper()}{said[1:]}.")
    how = (
        f"with exit status {status}"
        if status is None or status >= 0
        else f"by {signal.Signals(-status).name}"
    )
    return DeviceProgramError(f"The {name} ended {how}{f': {said}' if said else ''}.", advice)


async def spawn(
    name: str, command: Sequence[str], advice_for: Callable[[str], str] = lambda said: ""
) -> ProcessTransport:
    """Starts a program that speaks on its standard streams."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Out of reach of the terminal's Ctrl-C: this program decides when the device stops.
            start_new_session=True,
        )
    except OSError as error:
        scarce = error.errno in _SCARCE
        raise DeviceProgramError(
            f"The {name} cannot be started from {command[0]}: {_reason(error)}.",
            "Close other programs, or raise the limit." if scarce else "Install ugpt again.",
        ) from error
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return ProcessTransport(
        name, process, process.stdout, process.stdin, process.stderr, advice_for
    )


_PORTS_ADVICE = "`ugpt ports` lists the ports there are."


def open_error(path: str, error: OSError | ValueError) -> PortError:
    """What a failure to open a serial port means. pyserial's own exceptions are OSErrors."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EACCES, errno.EPERM):
        return PortPermission(path, port_group(path))
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
        found = holders_of(Path(path))
        # A virtual device keeps the far end of its pseudo-terminal open, and holds nothing.
        others = [holder for holder in found if holder.program != VIRTUAL_PROGRAM]
        return PortBusy(path, ", ".join(map(str, others)))
    if number == errno.ENOENT:
        return PortNotFound(path, "there is no such port", _PORTS_ADVICE)
    if number in (errno.ENXIO, errno.ENODEV, errno.EIO):
        return PortNotFound(path, "no device is behind it", _PORTS_ADVICE)
    with contextlib.suppress(OSError, ValueError):  # of a name that is none
        # Of a file without the calls of a port, such as /dev/null, pyserial tells no number.
        no_calls = number == errno.ENOTTY or os.strerror(errno.ENOTTY) in str(error)
        if Path(path).exists() and (no_calls or not Path(path).is_char_device()):
            return PortNotFound(path, "this is not a serial port", _PORTS_ADVICE)
    return PortNotFound(path, _reason(error), _PORTS_ADVICE)


def port_group(path: str) -> str | None:
    """The group that may open the port, if there is such a thing."""
    if sys.platform == "win32":
        return None
    try:
        import grp

        status = Path(path).stat()
        # Without group access, or with the group of the administrator, joining would not help.
        if status.st_gid == 0 or status.st_mode & 0o060 != 0o060:
            return None
        return grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError, ValueError):  # a container may have no name for it
        return None


def _has_modem_lines(port: serial.Serial) -> bool:
    """Whether this is a real serial port: a pseudo-terminal has no modem lines, and no rate."""
    try:
        _ = port.cts
    except OSError:
        return False
    return True


def _keep_lines_at_close(descriptor: int) -> None:
    """Clears HUPCL, on systems that have it."""
    if sys.platform == "win32":
        return
    import termios

    settings: list[Any] = termios.tcgetattr(descriptor)
    settings[2] &= ~termios.HUPCL
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)


@contextlib.contextmanager
def termios_errors_as_os_errors() -> Iterator[None]:
    """termios has an error of its own, which pyserial lets through."""
    if sys.platform == "win32":
        yield
        return
    import termios

    try:
        yield
    except termios.error as error:
        raise OSError(*error.args) from None


def _reason(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    text = os.strerror(number) if number is not None and number > 0 else str(error)
    return text[:1].lower() + text[1:].rstrip(".")

"""A board on a serial port: the virtual device behind a real pseudo-terminal that has a rate.

Both ends of a pseudo-terminal see its settings, so this end knows the rate that the host has set,
and whether the control lines are dropped when the port is closed. The control lines themselves a
pseudo-terminal does not have: `RecordingSerial` has them, in the place of pyserial's class.
"""

from __future__ import annotations

import dataclasses
import os
import pty
import random
import select
import subprocess
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import msgpack
import serial

from ugpt import Hello
from ugpt.device import virtual
from ugpt.rpc.frames import Frame, FrameDecoder, Text, encode_frame
from ugpt.rpc.messages import BAUD_TRIAL_MS, FIRST_BAUD

_BAUD_BY_SPEED = {
    getattr(termios, f"B{baud}"): baud
    for baud in (115200, 230400, 460800, 921600, 1000000, 2000000)
}
_CFLAG, _OUTPUT_SPEED = 2, 5  # places in what tcgetattr returns
_HELLO = [field.name for field in dataclasses.fields(Hello)]
_BAUD_MAX_FIELD, _VIRTUAL_FIELD = _HELLO.index("baud_max"), _HELLO.index("virtual_device")
_RESTART_ID, _BAUD_ID = 0xF0000000, 0xF0000001  # of requests that no host has sent


class Board:
    """Runs in a thread of its own, so that commands can run in the test's."""

    def __init__(self, flash: Path, *, baud_max: int = 921_600) -> None:
        self._far, self._near = pty.openpty()
        tty.setraw(self._near)
        self.path = os.ttyname(self._near)
        self.baud = FIRST_BAUD
        self.baud_max = baud_max
        self.says_virtual = True
        """What it says of itself; behind a socket, a virtual device keeps its rate by itself."""
        self.rates: list[int] = []
        """Rates agreed on, in their order."""
        self.methods: list[str] = []
        """Requests heard, in their order."""
        self.deaf = False
        self.said_times = 0
        self._text = b""
        self._trial_ends_s = 0.0
        self._is_closed = False
        self._baud_request = 0, 0
        self._hello_ids: set[int] = set()
        self._reset_ids = {_RESTART_ID}
        self._random = random.Random(1)
        self._from_host = FrameDecoder()
        self._from_device = FrameDecoder()
        self._lock = threading.Lock()
        self._wake_reader, self._wake_writer = os.pipe()
        self._device = subprocess.Popen(
            [*virtual.command("esp32", flash), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._device.stdin is not None
        assert self._device.stdout is not None
        self._to_device, self._of_device = self._device.stdin, self._device.stdout
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pulls the cable for good; allowed more than once."""
        if self._is_closed:
            return
        self._is_closed = True
        os.write(self._wake_writer, b"\0")
        self._thread.join(10.0)
        self._device.kill()
        self._device.communicate()
        for descriptor in (self._far, self._near, self._wake_reader, self._wake_writer):
            os.close(descriptor)

    @property
    def drops_lines_at_close(self) -> bool:
        """HUPCL, as the program that used the port last has left it."""
        return bool(termios.tcgetattr(self._near)[_CFLAG] & termios.HUPCL)

    @drops_lines_at_close.setter
    def drops_lines_at_close(self, value: bool) -> None:
        settings: list[Any] = termios.tcgetattr(self._near)
        settings[_CFLAG] = settings[_CFLAG] & ~termios.HUPCL | (termios.HUPCL if value else 0)
        termios.tcsetattr(self._near, termios.TCSANOW, settings)

    def restart(self) -> None:
        """Starts the device anew, with nobody having asked for it."""
        self._send_to_device(msgpack.packb([0, _RESTART_ID, "reset", []]))

    def forget_rate(self) -> None:
        """Goes back to the first rate at once, as it does after a second of what it cannot read."""
        self._set_baud(FIRST_BAUD)

    def repeat(self, text: bytes) -> None:
        """Says a text again and again from now on; `said_times` counts."""
        self._text = text

    def _pump(self) -> None:
        while True:
            sources = [self._far, self._of_device, self._wake_reader]
            ready, _, _ = select.select(sources, [], [], 0.05)
            if self._wake_reader in ready:
                return
            if self._text:
                self._send_to_host(self._text)
                self.said_times += 1
            if self._trial_ends_s and time.monotonic() > self._trial_ends_s:
                self._set_baud(FIRST_BAUD)
            if self._far in ready:
                self._hear_host(os.read(self._far, 65536))
            if self._of_device in ready:
                self._hear_device(os.read(self._of_device.fileno(), 65536))

    def _hear_host(self, data: bytes) -> None:
        if self.deaf:
            return
        # As the firmware does: at a raised rate a valid frame must follow any byte.
        if self.baud != FIRST_BAUD and not self._trial_ends_s:
            self._trial_ends_s = time.monotonic() + BAUD_TRIAL_MS / 1000
        for piece in self._from_host.feed(self._garbled(data)):
            if isinstance(piece, Frame):
                self._trial_ends_s = 0.0
                self._obey(piece.body)

    def _obey(self, body: bytes) -> None:
        if body.startswith(b"ugpt?"):  # a knock is no message
            self._send_to_device(body)
            return
        _, number, method, params = msgpack.unpackb(body)
        self.methods.append(method)
        if method == "hello":
            self._hello_ids.add(number)
        if method == "reset":
            self._reset_ids.add(number)
        if method == "set_baud":
            # Everything that the device has to say yet comes at the old rate.
            self._baud_request = number, params[0]
            body = msgpack.packb([0, _BAUD_ID, "ping", [b""]])
        self._send_to_device(body)

    def _agree_on_baud(self) -> None:
        number, baud = self._baud_request
        self._send_to_host(encode_frame(msgpack.packb([1, number, None, [baud]])))
        self._set_baud(baud)
        self._trial_ends_s = time.monotonic() + BAUD_TRIAL_MS / 1000
        self.rates.append(baud)

    def _hear_device(self, data: bytes) -> None:
        for piece in self._from_device.feed(data):
            if isinstance(piece, Text):
                self._send_to_host(piece.line.encode() + b"\r\n")
                continue
            message = msgpack.unpackb(piece.body, unicode_errors="surrogateescape")
            number = message[1] if message[0] == 1 else None
            if number == _BAUD_ID:
                self._agree_on_baud()
            elif number != _RESTART_ID:
                if number in self._hello_ids and message[3]:
                    message[3][0][_BAUD_MAX_FIELD] = self.baud_max
                    message[3][0][_VIRTUAL_FIELD] = self.says_virtual
                body = msgpack.packb(
                    message, use_single_float=True, unicode_errors="surrogateescape"
                )
                self._send_to_host(encode_frame(body))
            if number in self._reset_ids:
                self._set_baud(FIRST_BAUD)

    def _set_baud(self, baud: int) -> None:
        self.baud, self._trial_ends_s = baud, 0.0

    def _send_to_device(self, body: bytes) -> None:
        with self._lock:
            self._to_device.write(encode_frame(body))

    def _send_to_host(self, data: bytes) -> None:
        data = self._garbled(data)
        while data:
            data = data[os.write(self._far, data) :]

    def _garbled(self, data: bytes) -> bytes:
        speed = termios.tcgetattr(self._far)[_OUTPUT_SPEED]
        right = not self.baud_max or _BAUD_BY_SPEED.get(speed) == self.baud
        return data if right else self._random.randbytes(len(data))


@contextmanager
def board(flash: Path, *, baud_max: int = 921_600) -> Iterator[Board]:
    made = Board(flash, baud_max=baud_max)
    try:
        yield made
    finally:
        made.close()


class RecordingSerial(serial.Serial):  # type: ignore[misc]
    """A serial port whose control lines are a list: what they were set to, in order."""

    lines: ClassVar[list[tuple[str, bool]]] = []
    on_change: ClassVar[Callable[[str, bool], None]] = lambda name, level: None

    @property
    def cts(self) -> bool:
        """A pseudo-terminal would refuse to tell, and pass for a port without a rate."""
        return False

    dsr = ri = cd = cts

    def _update_dtr_state(self) -> None:
        self._record("dtr", self._dtr_state)

    def _update_rts_state(self) -> None:
        self._record("rts", self._rts_state)

    def _record(self, name: str, level: bool) -> None:
        type(self).lines.append((name, bool(level)))
        type(self).on_change(name, bool(level))

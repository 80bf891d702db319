"""Listens to a board: its log, its plain text, its last words; waits for a port that vanishes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

from ..device.ports import list_ports
from ..device.target import Target
from ..rpc import messages
from ..rpc.errors import DeviceRestarted, LinkError, NoAnswer, PortError
from ..rpc.link import Link, LinkState
from ..rpc.messages import FIRST_BAUD, DeviceState, Hello
from ..rpc.receiver import LogLine

_LOOK_S = 0.1
_REOPEN_S = 0.5
_HANDSHAKE_S = 3.0


class Monitor:
    """One port, watched for ever.

    A board sends its log only to a program that has made the handshake, and writes by itself only
    while none has. So the handshake is made, and a board that is to write by itself is restarted
    and left alone.
    """

    def __init__(
        self,
        target: Target,
        on_line: Callable[[LogLine], None],
        on_remark: Callable[[str], None],
        *,
        listen_only: bool = False,
    ) -> None:
        """`on_line` gets what the board says, `on_remark` what the user should know besides.

        `listen_only` sends nothing to the board.
        """
        choice = target.choose()
        self._target = replace(target, port=choice.port)
        self._reason = f": {choice.reason}" if choice.reason else ""
        self._on_line = on_line
        self._on_remark = on_remark
        self._listen_only = listen_only
        self._serial_number = next(
            (port.serial_number for port in list_ports() if port.device == choice.port), ""
        )

    async def run(self) -> None:
        """Does not return. Raises PortError if the port cannot be opened at first."""
        self._on_remark(f"listening to {self._target.port}{self._reason}")
        link = await self._open()
        while True:
            try:
                await self._listen(link)
            finally:
                await link.close()
            self._on_remark(f"{self._target.port} is gone; waiting for it to come back.")
            link = await self._reopen()
            self._on_remark(f"{self._target.port} is back.")

    async def _open(self) -> Link:
        transport = await self._target.open_transport()
        # The rate stays the first one: a board that falls speaks at no other.
        return Link(transport, baud_limit=FIRST_BAUD, on_log=self._on_line)

    async def _reopen(self) -> Link:
        while True:
            await asyncio.sleep(_REOPEN_S)
            self._find_again()
            with contextlib.suppress(PortError):
                return await self._open()

    def _find_again(self) -> None:
        """A port on the chip's own USB may come back under another name."""
        if not self._serial_number:
            return
        for port in list_ports():
            if port.serial_number == self._serial_number:
                self._target = replace(self._target, port=port.device)

    async def _listen(self, link: Link) -> None:
        """Returns when the port is gone."""
        if self._listen_only:
            link.start()
            connected = False
        else:
            connected = await self._connect(link)
        while link.state is not LinkState.LOST:
            await asyncio.sleep(_LOOK_S)
            if connected and link.state is LinkState.HANDSHAKE:
                connected = await self._connect(link)

    async def _connect(self, link: Link) -> bool:
        """Whether a restarted board needs another handshake."""
        try:
            hello = await link.open(_HANDSHAKE_S) if link.hello is None else await link.handshake()
            return await self._leave_alone_to_write(link, hello)
        except DeviceRestarted:
            return True
        except PortError:
            return False  # the state of the link tells
        except LinkError as error:
            self._on_remark(f"{error} What it says is shown all the same.")
            return False

    async def _leave_alone_to_write(self, link: Link, hello: Hello) -> bool:
        status = await link.call(messages.status())
        kind = "virtual device" if hello.virtual_device else hello.chip
        self._on_remark(f"{kind} (board {hello.board}), firmware {hello.build}")
        if not status.autorun or status.state is not DeviceState.IDLE:
            return True
        self._on_remark("It is to write by itself: it is restarted and left alone.")
        with contextlib.suppress(DeviceRestarted, NoAnswer):
            await link.call(messages.reset())
        return False

"""One board behind a TCP port: who sends a frame first has it, and others hear who that is.

The board is opened for each host anew, so that in between it is free for programs of this computer,
and one that is plugged in again is found wherever it is.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import replace

from ..device.followed_target import FollowedTarget
from ..device.target import Target
from ..errors import UgptError, reason_of
from ..rpc.address import Address
from ..rpc.errors import PortBusy, PortNotFound
from ..rpc.holders import holder_of_address
from ..rpc.refusal import in_use, no_board
from ..rpc.transport import Transport
from .errors import CannotListen
from .guest import Guest, Lobby
from .relay import Relay

FIRST_FRAME_S = 10.0
"""How long a connection may say nothing before it is closed."""
PATIENCE_S = 30.0
"""How long a host that is silent keeps the board when another one wants it."""

_OPEN_TIMEOUT_S = 12.0
_LEAVE_TIMEOUT_S = 15.0
_BACKLOG = 256


class ServedBoard:
    """A board and the port at which it is offered."""

    def __init__(
        self,
        name: str,
        target: Target,
        highest_baud: int,
        lobby: Lobby,
        on_remark: Callable[[str], None],
    ) -> None:
        """`highest_baud` is the rate that has proved to work, 0 if the port has none.

        `on_remark` is told who comes and goes.
        """
        self.name = name
        self._followed = FollowedTarget(replace(target, no_reset=True))
        self._highest_baud = highest_baud
        self._lobby = lobby
        self._on_remark = on_remark
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._holder: _Holder | None = None

    async def listen(self, at: Address) -> Address:
        """Begins to take connections; returns where, also if the port was 0.

        Raises CannotListen, and what `Target.choose` raises.
        """
        self._followed.find()  # to know the board again when it is plugged in elsewhere
        try:
            self._server = await asyncio.start_server(
                self._welcome, at.host, at.port, limit=2**14, backlog=_BACKLOG
            )
        except OSError as error:
            # asyncio puts a sentence of its own in the place of the system's.
            taken = error.errno == errno.EADDRINUSE
            reason = "another program listens there" if taken else reason_of(error)
            raise CannotListen(
                f"{self.name} cannot be offered at {at}: {reason}.",
                "Choose other ports: --listen 127.0.0.1:PORT",
            ) from error
        return Address(at.host, self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Ends every connection and gives the board back."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections, timeout=_LEAVE_TIMEOUT_S)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._receive(Guest(reader, writer)))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _receive(self, guest: Guest) -> None:
        try:
            with self._lobby.waiting(guest):
                body = await self._first_body(guest)
            if body is not None:
                await self._serve(guest, body)
        finally:
            guest.hang_up()

    async def _first_body(self, guest: Guest) -> bytes | None:
        """What the guest says first if the board is free then; None if it is turned away."""
        holder = await self._remaining()
        if holder is None:
            try:
                async with asyncio.timeout(FIRST_FRAME_S):
                    body = await guest.next_body()
            except TimeoutError:
                return None
            if body is None:
                return None
            holder = await self._remaining()
            if holder is None:
                return body
        await guest.turn_away(in_use(holder.program))
        return None

    async def _remaining(self) -> _Holder | None:
        """Who has the board, after waiting for one that leaves; lets one go that says nothing."""
        while (holder := self._holder) is not None:
            silent_s = asyncio.get_running_loop().time() - holder.guest.heard_at_s
            if silent_s > PATIENCE_S:
                holder.guest.hang_up()
            if not holder.guest.is_gone:
                return holder
            try:
                async with asyncio.timeout(_LEAVE_TIMEOUT_S):
                    await holder.left.wait()
            except TimeoutError:
                return holder
        return None

    async def _serve(self, guest: Guest, body: bytes) -> None:
        holder = self._holder = _Holder(guest)
        try:
            line = await self._relay(holder, body)
        finally:
            self._holder = None
            holder.left.set()
        if line is not None:
            with self._lobby.waiting(guest):
                await guest.turn_away(line)

    async def _relay(self, holder: _Holder, body: bytes) -> bytes | None:
        """Returns when the guest or the board has gone.

        What the guest is told if the board never came, nothing if it has gone; None if the guest
        has gone itself.
        """
        try:
            transport = await self._open()
        except PortBusy as error:
            return in_use(error.holder or "another program")
        except UgptError as error:
            return no_board(error.message)
        self._on_remark(f"{self.name} is used by {holder.program}.")
        lost = await Relay(holder.guest, transport, self._highest_baud).run(body)
        self._on_remark(f"{self.name} is {f'lost: {lost.message}' if lost else 'free again.'}")
        return b"" if lost else None

    async def _open(self) -> Transport:
        target = self._followed.find()
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT_S):
                return await target.open_transport()
        except TimeoutError:
            raise PortNotFound(self.name, "its port does not open", "") from None


class _Holder:
    """The guest that has the board."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        # Looked up here: where the guest is, behind ssh for one, the address means nothing.
        program = holder_of_address(guest.address)
        self.program = str(program) if program else f"the program at {guest.address}"
        self.left = asyncio.Event()

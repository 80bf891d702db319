"""Carries frames between a host behind a socket and a board on a line that has a rate.

The host cannot set that rate, so this side agrees on it with the board, and otherwise says nothing
of its own: a restart, which the board tells in answer to the next request, is the host's to hear.
"""

from __future__ import annotations

import asyncio
import contextlib

from ..errors import UgptError
from ..rpc import messages
from ..rpc.baud import raise_baud
from ..rpc.errors import DeviceError, LinkError, PortLost
from ..rpc.frames import encode_frame
from ..rpc.link import Link, LinkState
from ..rpc.messages import FIRST_BAUD
from ..rpc.transport import Transport
from .guest import Guest

_ASK_TIMEOUT_S = 1.0
_WRITE_TIMEOUT_S = 10.0
# Longer than a host waits before it asks a busy board for a sign of life.
_SILENCE_S = 2.5


class _Tap:
    """The transport of a link, whose bytes a guest gets too unless it is `muted`."""

    def __init__(self, transport: Transport, guest: Guest) -> None:
        self._transport = transport
        self._guest = guest
        self.name = transport.name
        self.can_set_baud = transport.can_set_baud
        self.muted = False
        self.ended: asyncio.Future[UgptError | None] = asyncio.get_running_loop().create_future()
        """Why the board is lost; None if the guest takes no more."""

    async def read(self) -> bytes:
        try:
            data = await self._transport.read()
        except UgptError as error:
            self._end(error)
            raise
        if not data:
            self._end(PortLost(self.name, "the other end closed it"))
        elif not self.muted and not await self._guest.send(data):
            self.muted = True
            self._end(None)
        return data

    async def write(self, data: bytes) -> None:
        await self._transport.write(data)

    async def set_baud(self, baud: int) -> None:
        await self._transport.set_baud(baud)

    def stands_still(self) -> bool:
        return self._transport.stands_still()

    async def close(self) -> None:
        await self._transport.close()

    def _end(self, error: UgptError | None) -> None:
        if not self.ended.done():
            self.ended.set_result(error)


class Relay:
    """One guest's use of a board, from its first frame until either of them goes."""

    def __init__(self, guest: Guest, transport: Transport, highest_baud: int) -> None:
        self._guest = guest
        self._tap = _Tap(transport, guest)
        self._link = Link(self._tap)
        self._highest_baud = highest_baud
        self._is_rate_due = self._tap.can_set_baud and highest_baud > FIRST_BAUD
        self._at_first_rate_since_s = asyncio.get_running_loop().time()
        self._unanswered_since_s: float | None = None

    async def run(self, first_body: bytes) -> UgptError | None:
        """Ends with why the board is lost, or with None when the guest has gone."""
        self._link.start()
        carrying = asyncio.create_task(self._carry(first_body))
        try:
            await asyncio.wait({carrying, self._tap.ended}, return_when=asyncio.FIRST_COMPLETED)
            return self._tap.ended.result() if self._tap.ended.done() else carrying.result()
        finally:
            carrying.cancel()
            await asyncio.wait({carrying})
            await self._leave_at_first_rate()
            await self._link.close()

    async def _carry(self, body: bytes | None) -> UgptError | None:
        """From the guest to the board."""
        try:
            while body is not None:
                await self._keep_rate()
                async with asyncio.timeout(_WRITE_TIMEOUT_S):
                    await self._tap.write(encode_frame(body))
                body = await self._guest.next_body()
        except TimeoutError:
            return PortLost(self._tap.name, "it takes no more bytes")
        except UgptError as error:
            return error
        return None

    async def _keep_rate(self) -> None:
        """Before each frame: goes to the rate at which the board will hear it.

        A board that restarts, or hears noise for a second, goes back to the first rate. Hosts
        repeat what is not answered, so the rate need not be looked at in between.
        """
        now = asyncio.get_running_loop().time()
        heard_s = self._link.heard_at_s
        if self._unanswered_since_s is None or heard_s >= self._unanswered_since_s:
            self._unanswered_since_s = now
        elif now - self._unanswered_since_s > _SILENCE_S and self._link.stats.baud > FIRST_BAUD:
            await self._go_to_first_rate()
        if self._is_rate_due and heard_s > self._at_first_rate_since_s:
            await self._raise_rate()

    async def _raise_rate(self) -> None:
        """Whatever is said meanwhile belongs to the agreement, or the host asks for it again."""
        self._tap.muted = True
        try:
            await self._link.ask(messages.ping(b""), _ASK_TIMEOUT_S)
            await raise_baud(self._link, self._highest_baud)
            self._is_rate_due = False
            self._unanswered_since_s = None
        except (DeviceError, LinkError):  # it has restarted: first the host has to hear of it
            await self._go_to_first_rate()
        finally:
            self._tap.muted = False

    async def _go_to_first_rate(self) -> None:
        await self._link.set_line_baud(FIRST_BAUD)
        self._is_rate_due = True
        self._at_first_rate_since_s = asyncio.get_running_loop().time()

    async def _leave_at_first_rate(self) -> None:
        """Where the next host expects the board."""
        self._tap.muted = True
        if self._link.stats.baud > FIRST_BAUD and self._link.state is not LinkState.LOST:
            with contextlib.suppress(UgptError):
                await self._link.ask(messages.set_baud(FIRST_BAUD), _ASK_TIMEOUT_S)

"""Goes on with a device that restarts, or whose port is lost, as long as that leads anywhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from ..device.client import Device
from ..errors import UgptError
from ..rpc.errors import DeviceRestarted, LinkClosed, NoAnswer, PortError
from ..runs.errors import OtherDevice
from .events import Interrupted, OnEvent

T = TypeVar("T")

Connect = Callable[[], AbstractAsyncContextManager[Device]]
"""Opens a connection to the device; called again after the port was lost."""

RETRY_DELAYS_S = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
"""How long to wait before each attempt at a device that is lost."""

LOST = (PortError, NoAnswer, LinkClosed, OtherDevice)
"""Errors that a new connection may cure: also another device, in the place of one unplugged."""


class Retry:
    """Talks to a device over as many connections as it takes."""

    def __init__(
        self,
        connect: Connect,
        emit: OnEvent,
        *,
        step: Callable[[], int],
        stop: asyncio.Event,
    ) -> None:
        """`step` tells how far the run is: attempts that leave it there count as failures.

        A device that cannot be reached in the first place, or is another one, is an error at once.
        `stop` ends the waiting.
        """
        self._connect = connect
        self._emit = emit
        self._step = step
        self._reached = False
        self._stop = stop
        self._failures = 0
        self._failed_at: int | None = None
        """The step at which the device was last lost."""

    async def run(self, converse: Callable[[Device], Awaitable[T]]) -> T | None:
        """What `converse` returns, or None if `stop` was set while no device was connected.

        Raises the last UgptError when trying again has led nowhere for long.
        """
        while True:
            try:
                async with self._connect() as device:
                    self._reached = True
                    return await self._over_one_connection(device, converse)
            except LOST as error:
                is_first = self._failed_at is None
                if not self._reached or (is_first and isinstance(error, OtherDevice)):
                    raise
                await self._wait(error)
                if self._stop.is_set():
                    return None

    async def _over_one_connection(
        self, device: Device, converse: Callable[[Device], Awaitable[T]]
    ) -> T:
        """A connection outlives restarts of the device."""
        while True:
            try:
                return await converse(device.until_restart())
            except DeviceRestarted as error:
                await self._wait(error)
                await device.handshake()

    async def _wait(self, error: UgptError) -> None:
        step = self._step()
        self._failures = self._failures + 1 if step == self._failed_at else 0
        self._failed_at = step
        if self._failures >= len(RETRY_DELAYS_S):
            raise error
        self._emit(Interrupted(error.message))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_DELAYS_S[self._failures]):
                await self._stop.wait()

"""A board that one process owns, and what becomes of a task that it is given."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..device.client import Device
from ..device.followed_target import FollowedTarget
from ..device.target import Target
from ..errors import UgptError
from ..rpc.errors import DeviceRestarted, NotFinite
from ..training.retry import LOST
from .errors import BoardLost
from .tasks import Task

T = TypeVar("T")

_RETRY_DELAYS_S = (0.1, 1.0)
"""Before another attempt at a board that restarted or was lost; then others do its task."""


@dataclass(frozen=True)
class Done(Generic[T]):
    """The task is done."""

    board: str
    value: T


@dataclass(frozen=True)
class Refused:
    """This board cannot do it; another one may."""

    board: str
    reason: str


@dataclass(frozen=True)
class Failed:
    """No board could do it: the task itself ends in an error."""

    message: str
    advice: str


Outcome = Done[T] | Refused | Failed


class Board:
    """Its port stays open from one task to the next."""

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self._target = FollowedTarget(target)
        self._device: Device | None = None
        self._connection = AsyncExitStack()

    async def open(self) -> None:
        """Raises UgptError if it cannot be opened."""
        await self._opened()

    async def close(self) -> None:
        """Leaves the port to others."""
        self._device = None
        await self._connection.aclose()

    async def attempt(self, task: Task[T]) -> Outcome[T]:
        """Does a task as long as the board is there. Raises BoardLost if it is gone."""
        for delay_s in (*_RETRY_DELAYS_S, None):
            try:
                device = await self._opened()
                return Done(self.name, await task.on(device.until_restart()))
            except (DeviceRestarted, *LOST) as error:
                await self.close()
                if delay_s is None:
                    raise BoardLost(error.message, error.advice) from None
                await asyncio.sleep(delay_s)
            except NotFinite as error:
                return Failed(error.message, error.advice)
            except UgptError as error:
                return Refused(self.name, str(error))
        raise AssertionError("the last attempt returns or raises")

    async def _opened(self) -> Device:
        if self._device is None:
            self._device = await self._connection.enter_async_context(self._target.connect())
        return self._device

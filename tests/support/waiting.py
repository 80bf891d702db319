"""Waiting for what cannot tell by itself that it has happened: it is looked at until a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0
_LOOK_S = 0.02


async def until(look: Callable[[], Awaitable[T | None]], timeout_s: float = PATIENCE_S) -> T:
    """What `look` gives at last; None asks for another look. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while (found := await look()) is None:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(_LOOK_S)
        return found


def happens(happened: Callable[[], bool], timeout_s: float = PATIENCE_S) -> bool:
    """Whether something happens before the deadline."""
    deadline_s = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(_LOOK_S)
    return True

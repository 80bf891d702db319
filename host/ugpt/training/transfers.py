"""Tells how far a transfer is that takes its time: checkpoints and data sets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..device.bulk import Progress
from ..device.client import Device
from ..rpc.errors import FlashFailed, NoRoom
from .events import OnEvent, Purpose, Transfer

_SHORT_S = 0.5  # what is over by then is not worth a word
_PERIOD_S = 0.5


@asynccontextmanager
async def transfer_told(emit: OnEvent, purpose: Purpose) -> AsyncIterator[Progress]:
    """Gives a function to be called with the bytes done and all of them; tells of them meanwhile.

    They may be unknown at first, while the device writes a checkpoint of its own.
    """
    bytes_done, bytes_total = 0, 0

    def progress(done: int, total: int) -> None:
        nonlocal bytes_done, bytes_total
        bytes_done, bytes_total = done, total

    async def tell() -> None:
        await asyncio.sleep(_SHORT_S)
        while True:
            emit(Transfer(purpose, bytes_done, bytes_total))
            await asyncio.sleep(_PERIOD_S)

    telling = asyncio.create_task(tell(), name="ugpt transfer")
    try:
        yield progress
    finally:
        telling.cancel()
        await asyncio.wait({telling})


async def save_in_flash(device: Device, emit: OnEvent) -> None:
    """Has the device save itself in its flash, if that is large enough and works."""
    async with transfer_told(emit, Purpose.SAVE):
        with contextlib.suppress(FlashFailed, NoRoom):
            await device.save()

"""Notices a device that says nothing, long before it is given up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..device.client import Device
from ..errors import UgptError
from .events import OnEvent, Silent

_SILENCE_S = 1.0
_LOOK_S = 0.25


@asynccontextmanager
async def silence_told(device: Device, emit: OnEvent) -> AsyncIterator[None]:
    """Meanwhile tells when the device has been silent for a second, and when it is heard again."""
    watcher = asyncio.create_task(_watch(device, emit), name="ugpt silence")
    try:
        yield
    finally:
        watcher.cancel()
        await asyncio.wait({watcher})


async def _watch(device: Device, emit: OnEvent) -> None:
    loop = asyncio.get_running_loop()
    heard, looked_s = device.stats.bytes_received, loop.time()
    silent_s, told = 0.0, False
    question: asyncio.Task[None] | None = None
    try:
        while True:
            await asyncio.sleep(_LOOK_S)
            now_s = loop.time()
            # A computer that was suspended did not listen meanwhile.
            silent_s += min(now_s - looked_s, 2 * _LOOK_S)
            looked_s = now_s
            if device.stats.bytes_received != heard:
                heard, silent_s = device.stats.bytes_received, 0.0
                if told:
                    emit(Silent(0.0))
                    told = False
            elif question is None or question.done():
                # It may be at work on something long: only a question tells that it is alive.
                question = asyncio.create_task(_ask(device))
            if silent_s >= _SILENCE_S and not told:
                emit(Silent(silent_s))
                told = True
    finally:
        if question is not None:
            question.cancel()
            await asyncio.wait({question})


async def _ask(device: Device) -> None:
    with contextlib.suppress(UgptError):  # whoever else talks to the device hears of it
        await device.ping()

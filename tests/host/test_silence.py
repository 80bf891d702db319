"""A device that says nothing is named after a second, and only then."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.virtual_time import leaping
from ugpt.training.events import Event, Silent
from ugpt.training.silence import silence_told


class FakeDevice:
    """Answers pings while it lives; a link repeats those that were not answered."""

    def __init__(self) -> None:
        self.stats = SimpleNamespace(bytes_received=0)
        self.alive = asyncio.Event()
        self.alive.set()
        self.pings = 0

    async def ping(self) -> bytes:
        self.pings += 1
        await self.alive.wait()
        self.stats.bytes_received += 10
        return b""


async def told(device: Any, *, dead_s: float, alive_s: float) -> list[Event]:
    events: list[Event] = []
    async with silence_told(device, events.append):
        await asyncio.sleep(alive_s)
        device.alive.clear()
        await asyncio.sleep(dead_s)
        device.alive.set()
        device.stats.bytes_received += 1
        await asyncio.sleep(alive_s)
    return events


@leaping
async def test_idle_line_is_not_silent() -> None:
    device = FakeDevice()
    assert await told(device, dead_s=0.0, alive_s=30.0) == []
    assert 10 < device.pings < 150


@leaping
@pytest.mark.parametrize("dead_s", [1.6, 4.0, 20.0])
async def test_silence_is_told_once_and_taken_back(dead_s: float) -> None:
    silent, heard = await told(FakeDevice(), dead_s=dead_s, alive_s=3.0)
    assert isinstance(silent, Silent)
    assert 1.0 <= silent.silent_s <= 1.5
    assert heard == Silent(0.0)


@leaping
async def test_short_silence_is_none() -> None:
    assert await told(FakeDevice(), dead_s=0.4, alive_s=3.0) == []

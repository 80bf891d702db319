"""`Device.reset`: only a new boot number counts as a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.peer import HELLO, Peer
from tests.support.virtual_time import leaping
from ugpt import Device
from ugpt.rpc.errors import NoAnswer
from ugpt.rpc.link import Link


@asynccontextmanager
async def connected(peer: Peer) -> AsyncIterator[Device]:
    link = Link(peer.line)
    try:
        await link.open(3.0)
        yield Device(link, "a peer")
    finally:
        await link.close()


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.3, 4.0])
@leaping
async def test_the_hello_of_the_time_before_is_not_taken(delay_s: float) -> None:
    peer = Peer()

    def restart_later(params: list[object]) -> list[object]:
        asyncio.get_running_loop().call_later(delay_s, peer.restart)
        return []

    peer.handlers["reset"] = restart_later
    async with connected(peer) as device:
        hello = await device.reset()
        assert hello.boot == HELLO.boot + 1
        assert device.hello == hello
        assert await device.ping(b"abc") == b"abc"


@leaping
async def test_an_answer_that_the_restart_swallows_is_not_missed() -> None:
    peer = Peer()

    def restart_first(params: list[object]) -> list[object]:
        peer.restart()
        peer.deaf = True
        asyncio.get_running_loop().call_later(1.0, setattr, peer, "deaf", False)
        peer.to_host = lambda frame: [] if peer.deaf else [frame]
        return []

    peer.handlers["reset"] = restart_first
    async with connected(peer) as device:
        assert (await device.reset()).boot == HELLO.boot + 1


@leaping
async def test_a_device_that_does_not_restart_is_given_up() -> None:
    peer = Peer()
    peer.handlers["reset"] = lambda params: []
    async with connected(peer) as device:
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(NoAnswer, match=r"did not restart\. Press its reset button"):
            await device.reset()
        assert 9.0 < asyncio.get_running_loop().time() - started_s < 15.0

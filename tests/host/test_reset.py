"""`Device.reset`, for which only a new boot number counts as a restart, and `ugpt reset`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from unittest.mock import AsyncMock

import pytest

from tests.host.test_monitor import IDLE
from tests.support.peer import HELLO, Peer, device_of
from tests.support.virtual_time import leaping
from ugpt import Device, DeviceState
from ugpt.device.target import Target
from ugpt.diagnostics import reset
from ugpt.rpc.errors import FlashFailed, NoAnswer
from ugpt.rpc.messages import ErrorCode, Source
from ugpt.training.guard import WouldOverwrite


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.3, 4.0])
@leaping
async def test_the_hello_of_the_time_before_is_not_taken(delay_s: float) -> None:
    peer = Peer()

    def restart_later(params: list[object]) -> list[object]:
        asyncio.get_running_loop().call_later(delay_s, peer.restart)
        return []

    peer.handlers["reset"] = restart_later
    async with device_of(peer) as device:
        hello = await device.reset()
        assert hello.boot == HELLO.boot + 1
        assert device.hello == hello
        assert await device.ping(b"abc") == b"abc"


@pytest.mark.parametrize("deaf_s", [1.0, 8.0])
@leaping
async def test_an_answer_that_the_restart_swallows_is_not_missed(deaf_s: float) -> None:
    peer = Peer()

    def restart_first(params: list[object]) -> list[object]:
        peer.restart()
        peer.deaf = True
        asyncio.get_running_loop().call_later(deaf_s, setattr, peer, "deaf", False)
        peer.to_host = lambda frame: [] if peer.deaf else [frame]
        return []

    peer.handlers["reset"] = restart_first
    async with device_of(peer) as device:
        assert (await device.reset()).boot == HELLO.boot + 1


@leaping
async def test_a_device_that_does_not_restart_is_given_up() -> None:
    peer = Peer()
    peer.handlers["reset"] = lambda params: []
    async with device_of(peer) as device:
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(NoAnswer, match=r"did not restart\. Press its reset button"):
            await device.reset()
        assert 9.0 < asyncio.get_running_loop().time() - started_s < 15.0


DETACHED = replace(
    IDLE, state=DeviceState.TRAINING, run_id=9, step=70, target_step=100, saved_step=50,
    source=Source.FLASH, unsaved=True,
)  # fmt: skip


class Connected(Target):
    """A target whose device is already there."""

    @asynccontextmanager
    async def connect(self, **options: object) -> AsyncIterator[AsyncMock]:  # type: ignore[override]
        yield DEVICES[self.port]


DEVICES: dict[str | None, AsyncMock] = {}


@pytest.fixture
def detached() -> AsyncMock:
    DEVICES["board"] = board = AsyncMock(spec=Device)
    board.status.return_value = DETACHED
    board.option, board.description = ("--port", "board"), "a board"
    return board


async def test_a_detached_run_is_saved_first(detached: AsyncMock) -> None:
    await reset.restart(Connected("board"))
    names = [name for name, *_ in detached.mock_calls]
    assert names.index("save") < names.index("reset")


async def test_a_detached_run_that_cannot_be_saved_is_asked_for(detached: AsyncMock) -> None:
    detached.save.side_effect = FlashFailed(ErrorCode.FLASH_FAILED, "The flash is worn.")
    with pytest.raises(WouldOverwrite, match=r"after step 70, .* saved: The flash .* step 50"):
        await reset.restart(Connected("board"))
    detached.reset.assert_not_awaited()
    await reset.restart(Connected("board"), may_overwrite=True)
    detached.reset.assert_awaited_once()


async def test_a_device_that_falls_silent_while_it_saves_is_not_reset_by_its_port(
    detached: AsyncMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reset, "_pulse_reset", pulse := AsyncMock())
    detached.save.side_effect = NoAnswer("The device did not answer save.")
    with pytest.raises(WouldOverwrite, match=r"nowhere is not known: The device did not answer"):
        await reset.restart(Connected("board"))
    pulse.assert_not_awaited()
    await reset.restart(Connected("board"), may_overwrite=True)
    detached.reset.assert_awaited_once()


@pytest.mark.parametrize(("has_lines", "attempts"), [(True, 2), (False, 1)])
async def test_only_a_port_with_control_lines_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, has_lines: bool, attempts: int
) -> None:
    made = []

    class Silent(Target):
        def connect(self, **options: object) -> AbstractAsyncContextManager[Device]:
            made.append(self.port)
            raise NoAnswer("Nothing answers.")

    async def pulse(path: str) -> bool:
        assert path == "/dev/ttyUSB0"
        return has_lines

    monkeypatch.setattr(reset, "_pulse_reset", pulse)
    with pytest.raises(NoAnswer):
        await reset.restart(Silent("/dev/ttyUSB0"))
    assert len(made) == attempts

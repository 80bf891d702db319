"""How often, and how patiently, a device that is lost is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import AsyncMock, Mock

import pytest

from tests.support.virtual_time import leaping
from ugpt import Device
from ugpt.rpc.errors import DeviceRestarted, NoAnswer, PortLost
from ugpt.runs.errors import OtherDevice, RunError
from ugpt.training.events import Event, Interrupted
from ugpt.training.retry import RETRY_DELAYS_S, Retry

LOST = PortLost("/dev/ttyUSB0", "it is gone")
IN_ALL_S = sum(RETRY_DELAYS_S)


class Attempts:
    """A port that is lost again and again; `outcomes` are what each connection comes to."""

    def __init__(self, *outcomes: Exception | str) -> None:
        self.outcomes = list(outcomes)
        self.opened = 0
        self.handshakes = 0
        self.step = 0
        self.events: list[Event] = []
        self.stop = asyncio.Event()
        self.retry = Retry(
            self.connect,
            self.events.append,
            step=lambda: self.step,
            stop=self.stop,
        )

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Device]:
        self.opened += 1
        device = AsyncMock(spec=Device)
        device.until_restart = lambda: device
        device.handshake.side_effect = self.handshake
        yield device

    async def handshake(self) -> None:
        self.handshakes += 1

    async def converse(self, device: Device) -> str:
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def run(self) -> str | None:
        return await self.retry.run(self.converse)


def now_s() -> float:
    return asyncio.get_running_loop().time()


@leaping
async def test_a_port_that_stays_lost_is_given_up() -> None:
    attempts, started_s = Attempts(LOST), now_s()
    with pytest.raises(PortLost):
        await attempts.run()
    assert attempts.opened == 1 + len(RETRY_DELAYS_S)
    assert now_s() - started_s == pytest.approx(IN_ALL_S)
    assert attempts.events == [Interrupted(LOST.message)] * len(RETRY_DELAYS_S)


@leaping
async def test_a_device_that_restarts_for_ever_is_given_up() -> None:
    attempts = Attempts(DeviceRestarted(1, 2))
    with pytest.raises(DeviceRestarted):
        await attempts.run()
    assert (attempts.opened, attempts.handshakes) == (1, len(RETRY_DELAYS_S))


@leaping
async def test_progress_makes_patience_new() -> None:
    attempts = Attempts(*[LOST] * 30, "done")
    plain = attempts.converse

    async def converse(device: Device) -> str:
        attempts.step += 1
        return await plain(device)

    started_s = now_s()
    assert await attempts.retry.run(converse) == "done"
    assert attempts.opened == 31
    assert now_s() - started_s == pytest.approx(30 * RETRY_DELAYS_S[0])


@leaping
async def test_a_device_that_was_never_reached_is_an_error_at_once() -> None:
    attempts = Attempts("done")
    connect = Mock(side_effect=LOST)
    retry = Retry(connect, attempts.events.append, step=lambda: 0, stop=attempts.stop)
    with pytest.raises(PortLost):
        await retry.run(attempts.converse)
    assert connect.call_count == 1
    assert attempts.events == []


@leaping
async def test_another_device_in_the_first_place_is_an_error_at_once() -> None:
    attempts = Attempts(OtherDevice("It belongs to a board."))
    with pytest.raises(OtherDevice):
        await attempts.run()
    assert attempts.opened == 1
    assert attempts.events == []


@pytest.mark.parametrize("before", [LOST, DeviceRestarted(1, 2)])
def test_another_device_after_the_right_one_is_waited_out(before: Exception) -> None:
    @leaping
    async def test() -> None:
        attempts = Attempts(before, OtherDevice("It belongs to a board."), "done")
        assert await attempts.run() == "done"

    test()


@leaping
async def test_a_device_that_was_reached_once_is_tried_again_before_the_first_step() -> None:
    attempts = Attempts(LOST, NoAnswer("It is silent."), DeviceRestarted(1, 2), "done")
    assert await attempts.run() == "done"
    assert (attempts.opened, attempts.handshakes) == (3, 1)


@leaping
async def test_what_no_connection_cures_is_raised_at_once() -> None:
    attempts = Attempts(RunError("The disk is full."))
    with pytest.raises(RunError):
        await attempts.run()
    assert attempts.opened == 1


@leaping
async def test_a_stop_ends_the_waiting() -> None:
    attempts = Attempts(LOST)
    asyncio.get_running_loop().call_later(5.0, attempts.stop.set)
    started_s = now_s()
    assert await attempts.run() is None
    assert now_s() - started_s == pytest.approx(5.0)

"""How long a device that does not answer is asked again: long enough for a bad line, no longer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.faults import BAD_LINE, FaultySide
from tests.support.peer import Peer
from tests.support.virtual_time import leaping, push, settle
from ugpt import Device
from ugpt.rpc.errors import NoAnswer
from ugpt.rpc.link import Link
from ugpt.rpc.stats import LinkStats, Patience


@asynccontextmanager
async def connected(peer: Peer, timeout_s: float = 60.0) -> AsyncIterator[Device]:
    link = Link(peer.line)
    try:
        await link.open(timeout_s)
        yield Device(link, "a peer")
    finally:
        await link.close()


class Slow(dict[str, float]):
    """Delays of a peer that takes anything from `least_s` to `most_s` for every answer."""

    def __init__(self, least_s: float, most_s: float, seed: int) -> None:
        super().__init__()
        self._range = least_s, most_s
        self._random = random.Random(seed)

    def get(self, method: str, default: object = None) -> float:  # type: ignore[override]
        return self._random.uniform(*self._range)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("delays_s", [(0.0, 0.01), (0.05, 0.1), (0.1, 0.4)])
@leaping
async def test_a_bad_line_with_slow_answers_loses_no_request(
    delays_s: tuple[float, float], seed: int
) -> None:
    peer = Peer(seed=seed)
    sides = FaultySide(BAD_LINE, seed), FaultySide(BAD_LINE, seed + 1000)
    async with connected(peer) as device:
        peer.delays_s = Slow(*delays_s, seed)
        peer.from_host, peer.to_host = sides[0].pass_on, sides[1].pass_on
        payloads = [bytes([n]) for n in range(60)]
        assert await asyncio.gather(*map(device.ping, payloads)) == payloads
        assert device.stats.repeats >= device.stats.lost > 10


@leaping
async def test_an_answer_that_is_only_late_is_not_lost() -> None:
    peer = Peer()
    async with connected(peer) as device:
        await device.ping()
        held: list[bytes] = []

        def hold(frame: bytes) -> list[bytes]:
            held.append(frame)
            return held if len(held) == 3 else []

        peer.to_host = hold
        await device.ping()
        await settle()
        assert device.stats.repeats == 2
        assert device.stats.lost == 0


async def seconds_until_given_up(device: Device) -> float:
    """How long a device that is silent is asked, which the error must tell."""
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    with pytest.raises(NoAnswer) as caught:
        await device.ping()
    taken_s = loop.time() - started_s
    assert f"did not answer ping for {taken_s:.0f} seconds" in str(caught.value)
    assert "reset the board" in caught.value.advice
    return taken_s


@leaping
async def test_a_prompt_device_that_falls_silent_is_given_up_after_five_seconds() -> None:
    peer = Peer()
    async with connected(peer) as device:
        await device.ping()
        peer.deaf = True
        assert await seconds_until_given_up(device) == pytest.approx(5.0, abs=0.5)


@leaping
async def test_a_slow_device_that_falls_silent_is_given_up_in_bounded_time() -> None:
    peer = Peer()
    async with connected(peer) as device:
        peer.delays_s["ping"] = 0.6
        for _ in range(30):
            await device.ping()
        peer.deaf = True
        before = device.stats.repeats
        assert 5.0 < await seconds_until_given_up(device) < 15.0
        assert device.stats.repeats - before >= 10


@leaping
async def test_time_that_passes_in_suspension_is_not_held_against_the_device() -> None:
    peer = Peer()
    async with connected(peer) as device:
        peer.deaf = True
        asking = asyncio.create_task(device.ping(b"abc"))
        await settle()
        push(60.0)
        peer.deaf = False
        assert await asking == b"abc"


@leaping
async def test_work_of_the_trainer_may_take_as_long_as_the_computer_sleeps() -> None:
    peer = Peer()
    peer.handlers["stop"] = lambda params: [7]
    async with connected(peer) as device:
        peer.delays_s["stop"] = 30.0
        asking = asyncio.create_task(device.stop())
        for _ in range(3):
            await settle()
            push(600.0)
        assert await asking == 7


@pytest.mark.parametrize("method", ["ping", "stop"])
@leaping
async def test_a_device_that_is_known_to_be_stopped_is_waited_for(method: str) -> None:
    peer = Peer()
    peer.handlers["stop"] = lambda params: [7]
    async with connected(peer) as device:
        peer.stands_still = peer.deaf = True
        asking = asyncio.create_task(getattr(device, method)())
        await asyncio.sleep(600.0)
        assert not asking.done()
        assert device.stats.repeats == 0
        peer.stands_still = peer.deaf = False
        await asking


@leaping
async def test_a_device_that_goes_on_and_says_nothing_is_given_up_as_any_other() -> None:
    peer = Peer()
    async with connected(peer) as device:
        peer.stands_still = peer.deaf = True
        asking = asyncio.create_task(device.ping())
        await asyncio.sleep(600.0)
        peer.stands_still = False
        with pytest.raises(NoAnswer, match="for 5 seconds"):
            await asking


def test_patience_counts_from_the_last_sign_of_life() -> None:
    patience = Patience(5.0, 100.0)
    patience.tries = 20
    assert not patience.is_over(105.0)
    assert patience.is_over(105.1)
    patience.heard(99.0)  # before it was asked
    assert patience.is_over(105.1)
    patience.heard(103.0)
    assert patience.silent_s(105.1) == pytest.approx(2.1)
    patience.tries = 20
    assert not patience.is_over(108.0)
    assert patience.is_over(108.1)


@pytest.mark.parametrize(
    ("tries", "silent_s", "over"),
    [(15, 5.1, False), (16, 5.1, True), (2, 15.1, False), (3, 15.1, True)],
)
def test_patience_is_also_a_number_of_tries(tries: int, silent_s: float, over: bool) -> None:
    patience = Patience(5.0, 0.0)
    patience.tries = tries
    assert patience.is_over(silent_s) is over


def test_a_short_patience_needs_no_second_try() -> None:
    assert Patience(0.3, 0.0).is_over(0.31)


def test_the_round_trip_that_is_shown_is_the_median_of_the_latest() -> None:
    stats = LinkStats()
    assert stats.round_trip_median_s == 0.0
    stats.round_trips_s.extend([9.0] * 100)
    stats.round_trips_s.extend([0.1] * 40 + [0.3] * 20 + [7.0] * 4)
    assert stats.round_trips_s[-1] == 7.0
    assert stats.round_trip_median_s == 0.1

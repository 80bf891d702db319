"""Rates of a run, and what it says while it saves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.scenes import STARTED, progress, state_of, training
from tests.support.sessions import Session
from tests.support.virtual_time import leaping
from ugpt.rpc.messages import DeviceState, Status
from ugpt.runs.save_period import SavePeriod
from ugpt.training import throughput
from ugpt.training.events import Progress, Purpose, Saved, StepLosses, Transfer
from ugpt.training.throughput import Throughput
from ugpt.training.trainer import Outcome
from ugpt.training.transfers import transfer_told
from ugpt.view.dashboard import render
from ugpt.view.state import DashboardState

TRAINING = Status(DeviceState.TRAINING, 7, 0, 100, 0, 2.0, 0, 0, 64, 1, 0, 900, 50_000)
IDLE = Status(DeviceState.IDLE, 7, 0, 100, 0, 2.0, 0, 0, 64, 1, 0, 900, 50_000)
SAVING = Status(DeviceState.SAVING, 7, 0, 100, 0, 2.0, 0, 0, 64, 1, 0, 900, 50_000)


class Clock:
    now_s = 50.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(throughput, "time", made)
    return made


def device() -> Any:
    stats = SimpleNamespace(bytes_sent=0, bytes_received=0, baud=0, repeats=0, lost=0)
    return SimpleNamespace(stats=stats)


def going(clock: Clock) -> Throughput:
    """Of a device that has done 100 steps in the last second."""
    rates = Throughput(device(), 0, 1000, clock.now_s)
    clock.now_s += 1.0
    rates.read(100, 2.0, TRAINING, 0.01)
    return rates


def test_time_of_a_checkpoint_does_not_count(clock: Clock) -> None:
    rates = Throughput(device(), 0, 1000, clock.now_s)
    clock.now_s += 1.0
    before = rates.read(100, 2.0, TRAINING, 0.01)
    with rates.standing_still():
        clock.now_s += 15.0
    clock.now_s += 1.0
    after = rates.read(200, 2.0, TRAINING, 0.01)
    assert before.steps_per_s == after.steps_per_s == pytest.approx(100)
    assert after.left_s == pytest.approx(8.0)
    assert after.elapsed_s == pytest.approx(17.0)


def test_a_board_on_its_own_that_saves(clock: Clock) -> None:
    rates = going(clock)
    for _ in range(50):
        clock.now_s += 0.2
        told = rates.read(100, 2.0, SAVING, 0.01)
        assert told.saving
        assert told.steps_per_s == pytest.approx(100)
    clock.now_s += 1.0
    told = rates.read(200, 2.0, TRAINING, 0.01)
    assert not told.saving
    assert told.steps_per_s == pytest.approx(100)
    assert told.left_s == pytest.approx(8.0)


def test_a_pause_does_not_count(clock: Clock) -> None:
    rates = going(clock)
    for _ in range(20):
        clock.now_s += 0.5
        told = rates.read(100, 2.0, IDLE, 0.01)
    assert told.steps_per_s == pytest.approx(100)
    for step in (120, 140, 160):
        clock.now_s += 0.2
        told = rates.read(step, 2.0, TRAINING, 0.01)
        assert told.steps_per_s == pytest.approx(100)
        assert told.left_s == pytest.approx((1000 - step) / 100)


def test_time_in_which_nobody_looked_does_not_count(clock: Clock) -> None:
    """As if the host had been suspended, while the board went through its documents."""
    rates = Throughput(device(), 0, 1000, clock.now_s)
    for step in (50, 100):
        clock.now_s += 0.5
        rates.count(500)
        rates.read(step, 2.0, TRAINING, 0.01)
    clock.now_s += 60.0
    rates.count(3000)
    for step in (400, 420, 440):
        told = rates.read(step, 2.0, TRAINING, 0.01)
        assert told.steps_per_s == pytest.approx(100)
        assert told.tokens_per_s == pytest.approx(1000)
        clock.now_s += 0.2
        rates.count(200)
    assert told.elapsed_s == pytest.approx(61.4)


def test_a_board_that_waits_for_documents_is_slow(clock: Clock) -> None:
    rates = Throughput(device(), 0, 1000, clock.now_s)
    clock.now_s += 0.5
    rates.read(100, 2.0, TRAINING, 0.01)
    for _ in range(3):
        clock.now_s += 0.5
        told = rates.read(100, 2.0, TRAINING, 0.01)
    assert told.steps_per_s == pytest.approx(50)


def test_bytes_are_counted_against_all_of_the_time(clock: Clock) -> None:
    talking = device()
    rates = Throughput(talking, 0, 1000, clock.now_s)
    with rates.standing_still():
        clock.now_s += 2.0
        talking.stats.bytes_received += 4000
    assert rates.read(1, 2.0, TRAINING, 0.01).received_bytes_per_s == pytest.approx(2000)


@leaping
async def test_short_transfers_are_not_worth_a_word() -> None:
    told: list[Any] = []
    async with transfer_told(told.append, Purpose.PUSH) as progress:
        await asyncio.sleep(0.3)
        progress(5, 10)
    await asyncio.sleep(5)
    assert told == []


@leaping
async def test_long_transfers_are_told_until_they_are_over() -> None:
    told: list[Any] = []
    async with transfer_told(told.append, Purpose.SAVE) as progress:
        await asyncio.sleep(0.7)
        progress(50, 100)
        await asyncio.sleep(0.5)
    await asyncio.sleep(5)
    assert told == [Transfer(Purpose.SAVE, 0, 0), Transfer(Purpose.SAVE, 50, 100)]


@pytest.mark.parametrize(("done", "total", "shown"), [(0, 0, "saving"), (43, 100, "saving 43%")])
def test_title_says_that_it_saves(done: int, total: int, shown: str) -> None:
    state = state_of(training)
    speed = state.steps_per_s
    state.apply(Transfer(Purpose.SAVE, done, total), 99.0)
    assert render(state, 80, 24, 99.0)[0].plain.endswith(shown)
    assert state.steps_per_s == speed
    state.apply(Saved(22_687, True), 99.0)
    assert render(state, 80, 24, 99.0)[0].plain.endswith("left")


def test_title_of_a_board_that_saves_by_itself() -> None:
    state = DashboardState()
    state.apply(STARTED)
    state.apply(StepLosses(1, [2.0], [1]))
    state.apply(Progress(**{**vars(progress(1)), "saving": True}))
    assert render(state, 80, 24)[0].plain.endswith("saving")


def test_data_set_on_its_way() -> None:
    state = state_of(training)
    state.apply(Transfer(Purpose.PUSH, 7, 10), 99.0)
    shown = render(state, 80, 24, 99.0)[-1].plain
    assert shown == "bringing the data set onto the board 70%"


async def test_a_checkpoint_that_takes_long_is_told(tmp_path: Path) -> None:
    """At a board's pace, erasing the flash for one takes more than half a second."""
    session = Session(tmp_path, steps=200, save_every=SavePeriod(steps=100), pace=True)
    assert await session.train() is Outcome.FINISHED
    assert Purpose.SAVE in [event.purpose for event in session.told(Transfer)]

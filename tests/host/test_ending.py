"""What a signal does at each stage of a program."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Iterator

import pytest
import typer

from ugpt.cli.ending import END_SIGNALS, Ending, ending
from ugpt.cli.options import run, run_until_interrupted
from ugpt.cli.signals import on_end_signals

if sys.platform == "win32":
    pytest.skip("a program cannot send itself signals there", allow_module_level=True)


@pytest.fixture(autouse=True)
def taken_over() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_DFL) for number in END_SIGNALS}
    ending.take_over()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    ending.signal = None


@pytest.fixture
def slow_presses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds lie between any two of them."""
    monkeypatch.setattr("ugpt.cli.ending.monotonic", itertools.count(step=10.0).__next__)


def press(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def test_before_anything_is_begun_a_signal_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    press(signal.SIGTERM)
    press()  # it is on its way out already
    assert left == [143]


def work_and_tidy_up(number: signal.Signals, tidied: list[bool]) -> None:
    """Is asked to end twice: at work, and while it tidies up."""
    with ending.tidying():
        try:
            press(number)
        finally:
            press(number)
            tidied.append(True)


@pytest.mark.parametrize("number", END_SIGNALS)
def test_what_must_tidy_up_is_interrupted_once(number: signal.Signals) -> None:
    tidied: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        work_and_tidy_up(number, tidied)
    assert tidied
    assert ending.signal is number
    assert ending.status == 128 + number


@pytest.mark.usefixtures("slow_presses")
def test_tidying_up_that_hangs_can_be_interrupted() -> None:
    tidied: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        work_and_tidy_up(signal.SIGINT, tidied)
    assert not tidied


@pytest.mark.parametrize("number", END_SIGNALS)
def test_a_signal_cancels_a_command_that_waits(number: signal.Signals) -> None:
    tidied = False

    async def work() -> None:
        nonlocal tidied
        press(number)
        try:
            await asyncio.sleep(60.0)
        finally:
            press(number)
            await asyncio.sleep(0.01)
            tidied = True

    with pytest.raises(typer.Exit):
        run(work())
    assert tidied
    assert ending.status == 128 + number


@pytest.mark.usefixtures("slow_presses")
def test_a_command_that_does_not_listen_is_interrupted_by_the_second_press() -> None:
    reached: list[int] = []

    async def work() -> None:
        press()
        reached.append(1)
        press()
        reached.append(2)

    with pytest.raises(typer.Exit):
        run(work())
    assert reached == [1]


@pytest.mark.parametrize(("between_s", "heard"), [(2.0, 2), (0.1, 1)])
async def test_what_counts_is_when_a_press_came(
    monkeypatch: pytest.MonkeyPatch, between_s: float, heard: int
) -> None:
    """A loop that was busy meanwhile hears of all of them at once."""
    now_s = 100.0
    monkeypatch.setattr("ugpt.cli.ending.monotonic", lambda: now_s)
    acts: list[float] = []
    with on_end_signals(lambda: acts.append(now_s), distinct=True):
        press()
        now_s += between_s
        press()
        await asyncio.sleep(0)
    assert len(acts) == heard


@pytest.mark.parametrize(("number", "good"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_only_ctrl_c_is_the_good_end_of_what_has_none(number: signal.Signals, good: bool) -> None:
    async def work() -> None:
        press(number)
        await asyncio.sleep(60.0)

    if good:
        run_until_interrupted(work())
        return
    with pytest.raises(typer.Exit):
        run_until_interrupted(work())


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    other = Ending()
    other.take_over()
    press(signal.SIGHUP)
    assert other.signal is None
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_once_the_status_is_known_no_signal_changes_it() -> None:
    ending.complete()
    for number in END_SIGNALS:
        press(number)
    assert ending.signal is None


def test_the_first_of_several_signals_decides_the_status() -> None:
    ending.signal = None

    async def work() -> None:
        try:
            press(signal.SIGTERM)
            await asyncio.sleep(10)
        finally:
            press(signal.SIGINT)

    with pytest.raises(typer.Exit):
        run(work())
    assert (ending.signal, ending.status) == (signal.SIGTERM, 143)

"""Devices that lie: a sentence, bounded memory, and a run folder that stays right."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaign.lying import run_once
from tests.support.lying_device import LIES, Character
from tests.support.peer import Peer
from tests.support.virtual_time import leaping
from ugpt.device.client import Device
from ugpt.rpc.errors import NoAnswer, ProtocolError
from ugpt.rpc.link import Link
from ugpt.rpc.messages import DeviceState, Status
from ugpt.training.claims import Progress, require_losses, require_sound

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undrawn")]

SEEDS = range(1, 25)
_MEMORY_BYTES = 32 * 2**20


def status(step: int, *, error: int = 0, state: DeviceState = DeviceState.WAITING) -> Status:
    return Status(state, 7, step, 100, 0, 2.0, 0, step, 64, 1, error, 900, 50_000)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_liar_of_any_kind(tmp_path: Path, seed: int) -> None:
    ended = await run_once(tmp_path, seed)
    assert not ended.wrong, ended


@pytest.mark.parametrize("lie", sorted(LIES.keys() - {"silence", "out of order"}))
async def test_a_liar_that_always_tells_the_same_lie(tmp_path: Path, lie: str) -> None:
    ended = await run_once(tmp_path, 1, Character((lie,), 1.0, "losses"))
    assert ended.lies
    assert not ended.wrong, ended


@pytest.mark.parametrize("lie", ["flood of logs", "flood of text", "noise"])
async def test_megabytes_are_read_and_not_kept(tmp_path: Path, lie: str) -> None:
    tracemalloc.start()
    try:
        ended = await run_once(tmp_path, 3, Character((lie,), 0.1))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ended.lies > 3
    assert not ended.wrong, ended
    assert peak_bytes < _MEMORY_BYTES


def test_steps_beyond_the_last_one_are_not_believed() -> None:
    require_sound(status(100), 100)
    with pytest.raises(ProtocolError, match="completed 101 of 100 steps"):
        require_sound(status(101), 100)


@pytest.mark.parametrize(
    ("first", "losses", "said"),
    [
        (99, [2.0, 2.0, 2.0], "the loss of step 101, but the run has 100"),
        (1, [2.0, float("nan")], "nan as the loss of step 2"),
        (1, [float("inf")], "inf as the loss of step 1"),
    ],
)
def test_losses_that_cannot_be_are_not_believed(
    first: int, losses: Sequence[float], said: str
) -> None:
    require_losses(range(100, 101), [2.0], 100)
    with pytest.raises(ProtocolError, match=said):
        require_losses(range(first, first + len(losses)), losses, 100)


@leaping
async def test_a_device_that_answers_and_gets_nowhere_is_given_up() -> None:
    progress = Progress()
    for step in range(300):
        progress.seen(step, status(step))
        await asyncio.sleep(1.0)
    for _ in range(120):
        progress.seen(299, status(299))
        await asyncio.sleep(1.0)
    with pytest.raises(NoAnswer, match="has stood after step 299 for 121 seconds"):
        progress.seen(299, status(299))


@leaping
async def test_a_device_that_was_stopped_for_long_is_not_given_up() -> None:
    progress = Progress()
    progress.seen(5, status(5))
    await asyncio.sleep(86_400.0)
    progress.seen(5, status(5))


@pytest.mark.parametrize(
    ("first", "data"),
    [(1, bytes(8)), (5, bytes(7)), (5, bytes(12)), (5, bytes(8000))],
)
@leaping
async def test_losses_that_were_not_asked_for(first: int, data: bytes) -> None:
    board = Peer()
    board.handlers["losses"] = lambda params: [first, data]
    link = Link(board.line)
    await link.open(2.0)
    try:
        with pytest.raises(ProtocolError):
            await Device(link, "a liar").losses(5, 2)
    finally:
        await link.close()


async def test_a_step_may_take_long_as_long_as_its_positions_advance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, progress = asyncio.get_running_loop(), Progress()
    now_s = loop.time()
    for look in range(400):
        monkeypatch.setattr(loop, "time", lambda at=now_s + 10.0 * look: at)
        progress.seen(5, replace(status(5, state=DeviceState.TRAINING), positions=1000 + look))
    monkeypatch.undo()

"""How many steps a time between checkpoints is, for a device that counts steps."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from tests.host.test_monitor import IDLE
from tests.host.test_placing import DATASET
from tests.support.virtual_time import leaping
from ugpt import Device, Recipe, Shape, Status, Target
from ugpt.runs.save_period import EVERY_MINUTE
from ugpt.training import detach
from ugpt.training.detach import measure_step_s
from ugpt.training.new_run import new_run
from ugpt.training.session import Session

TOTAL_STEPS = 10_000


def device(step_s: float, last_step: int = TOTAL_STEPS) -> AsyncMock:
    """One that has just done its first step, which took a hundred times as long as others do."""
    begun_s = asyncio.get_running_loop().time()

    async def status() -> Status:
        passed_s = asyncio.get_running_loop().time() - begun_s
        step = min(1 + int(passed_s / step_s), last_step)
        return replace(
            IDLE, step=step, target_step=last_step, step_us=round(1e6 * step_s * (100 / step))
        )

    made = AsyncMock(spec=Device)
    made.status.side_effect = status
    return made


@pytest.mark.parametrize("step_s", [0.0005, 0.003, 0.02])
@leaping
async def test_a_slow_first_step_is_not_taken_for_all(step_s: float) -> None:
    board = device(step_s)
    measured_s = await measure_step_s(board, await board.status(), TOTAL_STEPS)
    assert measured_s == pytest.approx(step_s, rel=0.1)


@leaping
async def test_a_step_that_takes_long_is_believed() -> None:
    board = device(5.0)
    first = replace(await board.status(), step_us=5_000_000)
    board.status.side_effect = None
    board.status.return_value = first
    assert await measure_step_s(board, first, TOTAL_STEPS) == 5.0


@leaping
async def test_a_run_that_ends_is_not_waited_for() -> None:
    board = device(0.001, last_step=100)
    started_s = asyncio.get_running_loop().time()
    await measure_step_s(board, await board.status(), 100)
    assert asyncio.get_running_loop().time() - started_s < 0.5


async def test_steps_that_take_longer_than_the_time_between_checkpoints_are_all_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detach, "measure_step_s", AsyncMock(return_value=150.0))
    shape = Shape(1, 8, 2, 4, DATASET.vocabulary.size)
    recipe = Recipe(0.01, 0.85, 0.99, 1e-8, TOTAL_STEPS)
    run = new_run(DATASET, shape, recipe, path=tmp_path / "run", save_every=EVERY_MINUTE)
    async with Target("virtual", flash=tmp_path / "flash").connect() as board:
        begun = await detach.detach(board, Session(run, DATASET, lambda event: None))
    assert begun.save_every == 1

"""Coroutines side by side: results, the first error, and a caller left as it was."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.virtual_time import leaping, settle
from ugpt.concurrency import run_together


async def _after(delay_s: float, result: int) -> int:
    await asyncio.sleep(delay_s)
    return result


async def _fail() -> None:
    await asyncio.sleep(0)
    raise ValueError("the first")


@leaping
async def test_results_come_in_order() -> None:
    assert await run_together(_after(0.02, 1), _after(0, 2), _after(0.01, 3)) == [1, 2, 3]
    assert await run_together() == []


async def test_starts_in_order() -> None:
    started = []

    async def note(number: int) -> None:
        started.append(number)

    await run_together(*(note(number) for number in range(5)))
    assert started == [0, 1, 2, 3, 4]


@leaping
async def test_first_error_ends_the_others() -> None:
    ended = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    with pytest.raises(ValueError, match="the first"):
        await run_together(wait(), _fail(), wait())
    assert ended == [True, True]


@leaping
async def test_timeouts_work_after_an_error() -> None:
    """A task group of Python 3.11.0 to 3.11.2 would leave the count of cancellations raised."""
    with pytest.raises(ValueError, match="the first"):
        await run_together(_fail(), _after(60, 1))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)


@leaping
async def test_cancelling_the_caller_ends_all() -> None:
    ended = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    task = asyncio.create_task(run_together(wait(), wait()))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True, True]

"""The connection to a Dask scheduler that goes and comes again."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.support.dask import dask_scheduler
from tests.support.waiting import until
from ugpt.joint import scheduler
from ugpt.joint.errors import BadScheduler


async def test_a_scheduler_that_was_away_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's client closes itself then, for good."""
    async with AsyncExitStack() as stack:
        with dask_scheduler() as address, monkeypatch.context() as patch:
            patch.setattr(scheduler, "_REACH_TIMEOUT_S", 3.0)
            connection = await stack.enter_async_context(scheduler.connected(address))
            first = connection.client
            assert await connection.names() == {}

        async def has_given_up() -> bool | None:
            return first.status == "closed" or None

        await until(has_given_up)
        with monkeypatch.context() as patch:
            patch.setattr(scheduler, "_REACH_TIMEOUT_S", 0.1)
            with pytest.raises(BadScheduler, match="was lost"):
                await connection.names()
        with dask_scheduler(port=int(address.rpartition(":")[2])):
            assert await connection.names() == {}

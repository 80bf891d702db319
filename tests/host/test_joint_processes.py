"""Who keeps the worker processes of boards, without Dask's processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing import resource_tracker
from typing import Any

import pytest

from tests.support.crew import VIRTUAL
from tests.support.peer import HELLO
from tests.support.virtual_time import leaping
from ugpt.fleet.members import Member
from ugpt.joint import processes
from ugpt.joint.events import BoardJoined
from ugpt.training.events import Event, Notice

MEMBER = Member("window", VIRTUAL, HELLO)


class Scheduler:
    """Knows these workers."""

    address = "tcp://here"
    security = host = None

    def __init__(self, *names: str) -> None:
        self.workers = dict.fromkeys(names, "tcp://there")
        self.asked = 0
        self.error: Exception | None = None

    async def names(self) -> dict[str, str]:
        self.asked += 1
        if self.error:
            raise self.error
        return self.workers


class Processes:
    """Instead of Dask's: none that starts while its name is taken."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.started = 0
        self.hangs = False
        self._scheduler = scheduler

    def __call__(self, address: str, *, name: str, death_timeout: float, **_: Any) -> Processes:
        self._name = name
        self._timeout_s = death_timeout
        return self

    async def start(self) -> None:
        self.started += 1
        if self.hangs:
            self.hangs = False
            await asyncio.sleep(self._timeout_s)
            raise AssertionError("starting")  # as Dask's do
        if self._name in self._scheduler.workers:
            raise RuntimeError("name taken")

    async def finished(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


class Reached:
    """A board whose port is always there."""

    def __init__(self, target: object) -> None:
        pass

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[None]:
        yield


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler()


@pytest.fixture
def nannies(monkeypatch: pytest.MonkeyPatch, scheduler: Scheduler) -> Processes:
    nannies = Processes(scheduler)
    monkeypatch.setattr(processes, "Nanny", nannies)
    monkeypatch.setattr(processes, "FollowedTarget", Reached)
    monkeypatch.setattr(resource_tracker, "ensure_running", lambda: None)
    return nannies


@leaping
async def test_no_process_is_started_while_the_name_is_taken(
    scheduler: Scheduler, nannies: Processes
) -> None:
    events: asyncio.Queue[Event] = asyncio.Queue()
    scheduler.workers["window"] = "tcp://another"
    connection: Any = scheduler
    async with processes.kept_processes([MEMBER], connection, events.put_nowait):
        told = await events.get()
        assert isinstance(told, Notice)
        assert "A board called window" in told.text
        await asyncio.sleep(600.0)
        assert nannies.started == 1
        assert scheduler.asked > 10
        scheduler.workers.clear()
        assert type(await events.get()) is BoardJoined
        assert nannies.started == 2


@leaping
async def test_what_a_keeper_does_not_expect_is_told(
    scheduler: Scheduler, nannies: Processes
) -> None:
    scheduler.workers["window"] = "tcp://another"
    connection: Any = scheduler

    async def keep() -> None:
        async with processes.kept_processes([MEMBER], connection, lambda event: None) as keeping:
            scheduler.error = LookupError("unexpected")
            await keeping

    with pytest.raises(LookupError, match="unexpected"):
        await keep()


@leaping
async def test_it_ends_if_nobody_hears_who_joins(scheduler: Scheduler, nannies: Processes) -> None:
    connection: Any = scheduler

    def emit(event: Event) -> None:
        raise BrokenPipeError

    async def keep() -> None:
        async with processes.kept_processes([MEMBER], connection, emit) as keeping:
            await keeping

    with pytest.raises(BrokenPipeError):
        async with asyncio.timeout(100.0):
            await keep()


@leaping
async def test_a_process_that_does_not_start_is_started_again(
    scheduler: Scheduler, nannies: Processes
) -> None:
    nannies.hangs = True
    events: asyncio.Queue[Event] = asyncio.Queue()
    connection: Any = scheduler
    async with (
        asyncio.timeout(100.0),
        processes.kept_processes([MEMBER], connection, events.put_nowait),
    ):
        assert await events.get() == BoardJoined("window")
    assert nannies.started == 2

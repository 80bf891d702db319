"""The boards of a Dask scheduler, without Dask's scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tests.support.virtual_time import leaping
from ugpt.joint.board import Done
from ugpt.joint.cluster import DaskCrew
from ugpt.joint.errors import BadScheduler
from ugpt.joint.events import BoardJoined
from ugpt.training.events import Event


class Scheduler:
    """Has these boards, and gives each task to the first that it may go to."""

    address = "tcp://here"

    def __init__(self, *boards: str) -> None:
        self.boards = boards
        self.away = False
        self.given: list[str] = []
        """Where tasks went."""

    @property
    def client(self) -> Scheduler:
        return self

    async def names(self) -> dict[str, str]:
        if self.away:
            raise BadScheduler("The scheduler was lost.")
        return {board: f"tcp://{board}" for board in self.boards}

    async def retire_workers(self, addresses: Sequence[str]) -> None:
        """Somebody brings them again at once."""

    def submit(self, run: object, task: object, *args: Any, **options: Any) -> Submitted:
        address, *_ = options["workers"] or [f"tcp://{board}" for board in self.boards]
        self.given.append(address.removeprefix("tcp://"))
        return Submitted(self.given[-1])


class Submitted:
    def __init__(self, board: str) -> None:
        self._board = board

    async def result(self) -> Done[str]:
        await asyncio.sleep(1.0)
        return Done(self._board, "value")

    def release(self) -> None:
        pass


def crew_of(scheduler: Any, events: asyncio.Queue[Event]) -> DaskCrew:
    return DaskCrew(scheduler, events.put_nowait)


@leaping
async def test_a_task_waits_while_there_are_only_boards_taken_out() -> None:
    task: Any = object()
    scheduler = Scheduler("bad", "good")
    crew = crew_of(scheduler, asyncio.Queue())
    assert (await crew.do(task)).board == "bad"
    await crew.take_out("bad", "It computes wrongly.")
    scheduler.boards = ("bad",)
    asyncio.get_running_loop().call_later(30.0, setattr, scheduler, "boards", ("bad", "good"))
    async with asyncio.timeout(60.0):
        assert (await crew.do(task)).board == "good"
    assert scheduler.given == ["bad", "good"]


@leaping
async def test_boards_are_watched_after_the_scheduler_was_away() -> None:
    scheduler = Scheduler("one")
    events: asyncio.Queue[Event] = asyncio.Queue()
    async with crew_of(scheduler, events).watched(), asyncio.timeout(60.0):
        assert await events.get() == BoardJoined("one")
        scheduler.away = True
        await asyncio.sleep(10.0)
        scheduler.away, scheduler.boards = False, ("one", "two")
        assert await events.get() == BoardJoined("two")

"""Boards of a joint run without Dask: virtual devices of the test itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from ugpt import Target
from ugpt.device.virtual import IN_MEMORY
from ugpt.fleet.errors import NoBoards
from ugpt.joint.board import Board, Done, Failed, Refused
from ugpt.joint.errors import JointError, NoOtherBoard
from ugpt.joint.tasks import Task

T = TypeVar("T")

VIRTUAL = Target("virtual", flash=IN_MEMORY)


class LocalCrew:
    """Does each task on the first board, in the order of their names, that is free."""

    def __init__(self, boards: Mapping[str, Board]) -> None:
        self._boards = dict(boards)
        self._busy = {name: asyncio.Lock() for name in boards}
        self.taken_out: dict[str, str] = {}
        self.tasks: list[tuple[str, object]] = []
        """All that was done, and by which board."""

    @property
    def boards(self) -> Sequence[str]:
        return [name for name in sorted(self._boards) if name not in self.taken_out]

    async def do(self, task: Task[T], *, but_not: Collection[str] = ()) -> Done[T]:
        while True:
            names = [name for name in self.boards if name not in but_not]
            if not names:
                raise NoOtherBoard("no other") if but_not else NoBoards("none left")
            name = min(names, key=lambda each: self._busy[each].locked())
            if (done := await self._on(name, task)) is not None:
                return done

    async def examine(self, task: Task[T]) -> Sequence[Done[T]]:
        done = [await self._on(name, task) for name in self.boards]
        return [each for each in done if each is not None]

    async def take_out(self, board: str, reason: str) -> None:
        self.taken_out[board] = reason
        if not self.boards:
            raise NoBoards(reason)

    async def _on(self, name: str, task: Task[T]) -> Done[T] | None:
        async with self._busy[name]:
            outcome = await self._boards[name].attempt(task)
        match outcome:
            case Done():
                self.tasks.append((name, task))
                return outcome
            case Refused():
                await self.take_out(name, outcome.reason)
            case Failed():
                raise JointError(outcome.message, outcome.advice)
        return None


@asynccontextmanager
async def local_crew(
    boards: int | Mapping[str, Target], kind: type[LocalCrew] = LocalCrew
) -> AsyncIterator[LocalCrew]:
    """So many virtual boards, or those at the targets."""
    targets = {f"board-{i}": VIRTUAL for i in range(boards)} if isinstance(boards, int) else boards
    opened = {name: Board(name, target) for name, target in targets.items()}
    try:
        yield kind(opened)
    finally:
        for board in opened.values():
            await board.close()

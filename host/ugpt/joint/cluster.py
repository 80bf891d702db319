"""Boards held together by Dask: a worker process for each, and a scheduler that hands out tasks.

Dask notices a process that dies, starts it again and gives its task to another one. This module
gives the work to them and watches who is there. It imports Dask, so nothing may import it before it
is wanted.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from distributed.scheduler import KilledWorker

from .. import __version__
from ..concurrency import run_together
from ..errors import UgptError, reason_of
from ..fleet.errors import NoBoards
from ..fleet.members import Member, named_apart
from ..training.events import Event, Notice, OnEvent
from .board import Done, Failed, Outcome, Refused
from .errors import BadScheduler, BoardLost, JointError, NoOtherBoard
from .events import BoardJoined, BoardLeft, BoardTakenOut
from .processes import kept_processes
from .scheduler import RETRIES, Connection, connected, lost
from .tasks import Task
from .worker import RESOURCES, run_on_board

T = TypeVar("T")

_LOOK_S = 0.5
_FIRST_LIMIT_S = 20.0
"""How long the first board may take to come."""
_ALONE_LIMIT_S = 120.0
"""How long no board may be there before the run ends."""


@asynccontextmanager
async def dask_crew(
    members: Sequence[Member], emit: OnEvent, scheduler: str | None = None
) -> AsyncIterator[DaskCrew]:
    """The boards of `members`, and those that others have brought to `scheduler`.

    Without a scheduler one is started for this run alone. Raises BadScheduler, or NoBoards if none
    has come.
    """

    def hear(event: Event) -> None:
        if isinstance(event, Notice):  # the crew sees by itself who comes and goes
            emit(event)

    async with connected(scheduler) as connection:
        crew = DaskCrew(connection, emit)
        shared = members if scheduler is None else named_apart(members)
        async with (
            kept_processes(shared, connection, hear, lambda board: not crew.has_taken_out(board)),
            crew.watched(),
        ):
            yield crew


class DaskCrew:
    """The boards of all workers that a scheduler knows; see `Crew`."""

    def __init__(self, connection: Connection, emit: OnEvent) -> None:
        self._connection = connection
        self._emit = emit
        self._addresses: Mapping[str, str] = {}
        self._out: dict[str, str] = {}
        self._alone_s = asyncio.get_running_loop().time()

    @property
    def boards(self) -> Sequence[str]:
        return sorted(name for name in self._addresses if name not in self._out)

    def has_taken_out(self, board: str) -> bool:
        return board in self._out

    async def do(self, task: Task[T], *, but_not: Collection[str] = ()) -> Done[T]:
        while True:
            await self._look()
            wanted = [name for name in self.boards if name not in but_not]
            if but_not and not wanted:
                raise NoOtherBoard("There is no other board.")
            # One that was taken out may have been brought again.
            chooses = but_not or self._out.keys() & self._addresses.keys()
            if chooses and not wanted:  # to Dask, no workers to choose from are all workers
                self._require_somebody()
                await asyncio.sleep(_LOOK_S)
                continue
            done = await self._accepted(await self._outcome(task, wanted if chooses else None))
            if done is not None:
                return done

    async def examine(self, task: Task[T]) -> Sequence[Done[T]]:
        await self._wait_for_first()
        outcomes = await run_together(*(self._outcome(task, [name]) for name in self.boards))
        accepted = [await self._accepted(outcome) for outcome in outcomes]
        if not any(accepted):
            raise self._none_left()
        return [done for done in accepted if done is not None]

    async def take_out(self, board: str, reason: str) -> None:
        if board not in self._out:
            self._out[board] = reason
            self._emit(BoardTakenOut(board, reason))
            if address := self._addresses.get(board):
                await self._connection.client.retire_workers([address])
        await self._look()
        if not self.boards:
            raise self._none_left()

    async def _accepted(self, outcome: Outcome[T] | None) -> Done[T] | None:
        """What is done; None if another board must try. Raises JointError if none could."""
        match outcome:
            case Done():
                return None if outcome.board in self._out else outcome
            case Refused():
                await self.take_out(outcome.board, outcome.reason)
            case Failed():
                raise JointError(outcome.message, outcome.advice)
        return None

    async def _outcome(self, task: Task[T], boards: Collection[str] | None) -> Outcome[T] | None:
        """What becomes of a task on any board, or on one of `boards`; None if all of them left."""
        chosen = None if boards is None else [self._addresses[name] for name in boards]
        future = self._connection.client.submit(
            run_on_board,
            task,
            __version__,
            resources=RESOURCES,
            workers=chosen,
            retries=RETRIES,
            pure=False,
        )
        result = asyncio.ensure_future(future.result())
        try:
            while not result.done():
                await asyncio.wait({result}, timeout=_LOOK_S)
                if chosen and not set(chosen) & set(self._addresses.values()):
                    return None
                self._require_somebody()
            return _checked(result.result())
        except (BoardLost, KilledWorker) as error:
            raise JointError(
                f"The boards were lost {RETRIES} times over the same task: {reason_of(error)}",
                "Check cables and power, then resume the run.",
            ) from None
        except concurrent.futures.CancelledError:
            raise lost(self._connection.address) from None
        except (UgptError, AssertionError):
            raise
        except Exception as error:  # of a worker that is no board of this program's
            raise BadScheduler(
                f"A worker of the scheduler cannot do the work: {reason_of(error)}.", _JOIN
            ) from None
        finally:
            result.cancel()
            await asyncio.wait({result})
            future.release()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Meanwhile tells of boards that come and go."""
        await self._look()

        async def watch() -> None:
            while True:
                await asyncio.sleep(_LOOK_S)
                with contextlib.suppress(BadScheduler):  # it may come again
                    await self._look()

        watching = asyncio.create_task(watch(), name="ugpt boards")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _wait_for_first(self) -> None:
        """A board that did not open may do so at the next attempt."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _FIRST_LIMIT_S
        await self._look()
        while not self.boards and loop.time() < until_s:
            await asyncio.sleep(_LOOK_S)
            await self._look()

    async def _look(self) -> None:
        """Finds out which boards there are."""
        known = await self._connection.names()
        before = set(self.boards)
        self._addresses = known
        now = set(self.boards)
        for name in sorted(now - before):
            self._emit(BoardJoined(name))
        for name in sorted(before - now):
            self._emit(BoardLeft(name))
        if now:
            self._alone_s = asyncio.get_running_loop().time()

    def _require_somebody(self) -> None:
        if asyncio.get_running_loop().time() - self._alone_s > _ALONE_LIMIT_S:
            raise self._none_left()

    def _none_left(self) -> NoBoards:
        reasons = " ".join(f"{board}: {reason}" for board, reason in self._out.items())
        return NoBoards(f"No board is left. {reasons}".strip(), "" if reasons else _RESUME)


_JOIN = "Bring boards to a scheduler with `ugpt fleet join` alone, of the same release as this one."
_RESUME = "Connect the boards again, then resume the run."


def _checked(outcome: Outcome[T]) -> Outcome[T]:
    """Raises BadScheduler if a worker of an existing scheduler is of another program."""
    if not isinstance(outcome, Done | Refused | Failed):
        raise BadScheduler("A worker of the scheduler is of another program.", _JOIN)
    return outcome

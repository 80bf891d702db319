"""Boards held together by Dask: a worker process for each, and a scheduler that hands out tasks.

Dask notices a process that dies, starts it again and gives its task to another one. This module
brings the boards to it, and brings one back that was lost and is there again. It imports Dask, so
nothing may import it before it is wanted.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from distributed import Client, Nanny, Scheduler
from distributed.scheduler import KilledWorker
from distributed.security import Security

from ..concurrency import run_together
from ..device.followed_target import FollowedTarget
from ..errors import UgptError, reason_of
from ..fleet.errors import NoBoards
from ..fleet.members import Member
from ..training.events import OnEvent
from ..training.retry import RETRY_DELAYS_S
from .addresses import require_safe
from .board import Done, Failed, Outcome, Refused
from .errors import BadScheduler, BoardLost, JointError, NoOtherBoard
from .events import BoardJoined, BoardLeft, BoardTakenOut
from .tasks import Task
from .worker import BoardPlugin, run_on_board

T = TypeVar("T")

_LOOPBACK = "127.0.0.1"
_RESOURCES = {"board": 1}
_RETRIES = 20
"""How many boards, or the same one as often, may be lost over one task."""
_REACH_TIMEOUT_S = 10.0
_LOOK_S = 0.5
_ALONE_LIMIT_S = 120.0
"""How long no board may be there before the run ends."""


@asynccontextmanager
async def dask_crew(
    members: Sequence[Member], emit: OnEvent, scheduler: str | None = None
) -> AsyncIterator[DaskCrew]:
    """The boards of `members`, and those that others have brought to `scheduler`.

    Without a scheduler one is started for this run alone, on the loopback and with mutual TLS of
    keys that nobody else has. Raises BadScheduler, or NoBoards if none has come.
    """
    for name in ("distributed", "distributed.client"):  # each has a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)
    async with AsyncExitStack() as stack:
        if scheduler is None:
            address, security = await stack.enter_async_context(_own_scheduler())
        else:
            require_safe(scheduler)
            address, security = scheduler, Security()
        client = await _client(address, security)
        stack.push_async_callback(client.close)
        crew = DaskCrew(client, emit)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ugpt-"))
        options = {"security": security, "local_directory": folder}
        if scheduler is None:
            options["host"] = _LOOPBACK
        await stack.enter_async_context(_kept(members, crew, address, options))
        await stack.enter_async_context(crew.watched())
        yield crew


@asynccontextmanager
async def _own_scheduler() -> AsyncIterator[tuple[str, Security]]:
    security = Security.temporary()
    async with Scheduler(
        host=_LOOPBACK,
        protocol="tls",
        security=security,
        dashboard=False,
        dashboard_address=f"{_LOOPBACK}:0",
        allowed_failures=_RETRIES,
    ) as scheduler:
        yield scheduler.address, security


async def _client(address: str, security: Security) -> Client:
    client = Client(
        address,
        asynchronous=True,
        security=security,
        set_as_default=False,
        timeout=_REACH_TIMEOUT_S,
    )
    try:
        async with asyncio.timeout(_REACH_TIMEOUT_S):  # Dask waits for one that is silent
            return await client
    except Exception as error:  # whatever is there may answer anything
        await client.close()
        raise BadScheduler(
            f"The scheduler {address} cannot be reached: {_why_not(error)}.",
            "Check the address, and the keys in Dask's configuration (distributed.comm.tls).",
        ) from None


def _why_not(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, OSError | ValueError | TypeError | RuntimeError):
        return reason_of(error)
    return "what answers there is no scheduler"


class DaskCrew:
    """The boards of all workers that a scheduler knows; see `Crew`."""

    def __init__(self, client: Client, emit: OnEvent) -> None:
        self._client = client
        self._emit = emit
        self._addresses: Mapping[str, str] = {}
        self._out: dict[str, str] = {}
        self._alone_s = 0.0

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
            done = await self._accepted(await self._outcome(task, wanted if but_not else None))
            if done is not None:
                return done

    async def examine(self, task: Task[T]) -> Sequence[Done[T]]:
        await self._look()
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
                await self._client.retire_workers([address])
        await self._look()
        if not self.boards:
            raise self._none_left()

    async def _accepted(self, outcome: Outcome[T] | None) -> Done[T] | None:
        """What is done; None if another board must try. Raises JointError if none could."""
        match outcome:
            case Done():
                return outcome
            case Refused():
                await self.take_out(outcome.board, outcome.reason)
            case Failed():
                raise JointError(outcome.message, outcome.advice)
        return None

    async def _outcome(self, task: Task[T], boards: Collection[str] | None) -> Outcome[T] | None:
        """What becomes of a task on any board, or on one of `boards`; None if all of them left."""
        chosen = None if boards is None else [self._addresses[name] for name in boards]
        future = self._client.submit(
            run_on_board,
            task,
            resources=_RESOURCES,
            workers=chosen,
            retries=_RETRIES,
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
                f"The boards were lost {_RETRIES} times over the same task: {reason_of(error)}",
                "Check cables and power, then resume the run.",
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
                await self._look()

        watching = asyncio.create_task(watch(), name="ugpt boards")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _look(self) -> None:
        """Finds out which boards there are."""
        known = await self._client.scheduler.identity()
        before = set(self.boards)
        self._addresses = {
            str(worker["name"]): address
            for address, worker in known["workers"].items()
            if worker["resources"].get("board")
        }
        now = set(self.boards)
        for name in sorted(now - before):
            self._emit(BoardJoined(name))
        for name in sorted(before - now - self._out.keys()):
            self._emit(BoardLeft(name))
        if now:
            self._alone_s = asyncio.get_running_loop().time()

    def _require_somebody(self) -> None:
        if asyncio.get_running_loop().time() - self._alone_s > _ALONE_LIMIT_S:
            raise self._none_left()

    def _none_left(self) -> NoBoards:
        reasons = " ".join(f"{board}: {reason}" for board, reason in self._out.items())
        return NoBoards(f"No board is left. {reasons}".strip(), "" if reasons else _RESUME)


_RESUME = "Connect the boards again, then resume the run."


def _checked(outcome: Outcome[T]) -> Outcome[T]:
    """Raises BadScheduler if a worker of an existing scheduler is of another program."""
    if not isinstance(outcome, Done | Refused | Failed):
        raise BadScheduler("A worker of the scheduler is of another program.")
    return outcome


# The worker processes of this computer's boards


@asynccontextmanager
async def _kept(
    members: Sequence[Member], crew: DaskCrew, address: str, options: Mapping[str, Any]
) -> AsyncIterator[None]:
    """Meanwhile each board has a worker process, whenever the board is there."""
    tried = [asyncio.Event() for _ in members]
    keepers = [
        asyncio.create_task(_keep(member, crew, address, options, event), name=member.name)
        for member, event in zip(members, tried, strict=True)
    ]
    try:
        await run_together(*(event.wait() for event in tried))
        yield
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)


async def _keep(
    member: Member,
    crew: DaskCrew,
    address: str,
    options: Mapping[str, Any],
    tried: asyncio.Event,
) -> None:
    delays = itertools.chain(RETRY_DELAYS_S, itertools.repeat(RETRY_DELAYS_S[-1]))
    for delay_s in delays:
        try:
            async with _worker_process(member, address, options) as process:
                tried.set()
                await process.finished()
        except (OSError, RuntimeError, UgptError):
            pass  # its board did not open, and may do so later
        finally:
            tried.set()
        await asyncio.sleep(delay_s)
        await _until_there(member)
        if crew.has_taken_out(member.name):
            return


async def _until_there(member: Member) -> None:
    """A process takes seconds to start: the port is tried without one first."""
    target = FollowedTarget(member.target)
    for delay_s in itertools.chain(RETRY_DELAYS_S, itertools.repeat(RETRY_DELAYS_S[-1])):
        try:
            async with target.connect():
                return
        except UgptError:
            await asyncio.sleep(delay_s)


@asynccontextmanager
async def _worker_process(
    member: Member, address: str, options: Mapping[str, Any]
) -> AsyncIterator[Nanny]:
    nanny = Nanny(
        address,
        name=member.name,
        nthreads=1,
        resources=_RESOURCES,
        memory_limit=0,
        dashboard=False,
        dashboard_address=f"{_LOOPBACK}:0",
        silence_logs=logging.CRITICAL,
        plugins=(BoardPlugin(member.name, member.target),),
        **options,
    )
    starting = asyncio.ensure_future(nanny.start())
    try:
        # One that is half started cannot be ended.
        await asyncio.shield(starting)
        yield nanny
    finally:
        await asyncio.wait({starting})
        await nanny.close()

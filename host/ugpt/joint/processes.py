"""The worker processes of this computer's boards: one for each, as long as the board is there.

It imports Dask.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing import resource_tracker

from distributed import Nanny

from ..concurrency import run_together
from ..device.followed_target import FollowedTarget
from ..errors import UgptError
from ..fleet.members import Member
from ..training.events import Notice, OnEvent
from ..training.retry import RETRY_DELAYS_S
from .events import BoardJoined, BoardLeft
from .scheduler import LOOPBACK, Connection
from .worker import RESOURCES, BoardPlugin

_START_TIMEOUT_S = 60.0
"""A process whose scheduler goes while it starts ends then."""


@asynccontextmanager
async def kept_processes(
    members: Sequence[Member],
    connection: Connection,
    emit: OnEvent,
    is_wanted: Callable[[str], bool] = lambda board: True,
) -> AsyncIterator[Awaitable[object]]:
    """Meanwhile each board has a worker process, whenever the board is there and wanted.

    The block begins when each of them has been tried once. `emit` hears of what comes and goes.
    What is yielded ends when no board is wanted any more.
    """
    with tempfile.TemporaryDirectory(prefix="ugpt-") as folder:
        deafness = _Deafness()
        keepers = [
            _Keeper(member, connection, folder, emit, is_wanted, deafness) for member in members
        ]
        keeping = asyncio.create_task(run_together(*(keeper.keep() for keeper in keepers)))
        try:
            await run_together(*(keeper.tried.wait() for keeper in keepers))
            yield keeping
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})
            if not keeping.cancelled():
                keeping.result()  # an error that none of them expects is told


class _Keeper:
    """Of the process of one board."""

    def __init__(
        self,
        member: Member,
        connection: Connection,
        folder: str,
        emit: OnEvent,
        is_wanted: Callable[[str], bool],
        deafness: _Deafness,
    ) -> None:
        self.tried = asyncio.Event()
        self._member = member
        self._connection = connection
        self._folder = folder
        self._emit = emit
        self._is_wanted = is_wanted
        self._deafness = deafness
        self._told = False

    async def keep(self) -> None:
        """Without end, unless the board is not wanted any more."""
        for delay_s in _delays_s():
            try:
                await self._once()
            finally:
                self.tried.set()
            await asyncio.sleep(delay_s)
            await self._until_there()
            if not self._is_wanted(self._member.name):
                return

    async def _once(self) -> None:
        """Until the process ends, or cannot be started."""
        async with AsyncExitStack() as stack:
            try:
                process = await stack.enter_async_context(self._process())
            except (OSError, RuntimeError, UgptError):
                await self._tell_why()  # it may join later
                return
            self._told = False
            self._emit(BoardJoined(self._member.name))
            self.tried.set()
            await process.finished()
        self._emit(BoardLeft(self._member.name))

    async def _until_there(self) -> None:
        """A process takes seconds to start: scheduler, name and port are tried before."""
        target = FollowedTarget(self._member.target)
        for delay_s in _delays_s():
            with contextlib.suppress(UgptError):
                if self._member.name not in await self._connection.names():
                    async with target.connect():
                        return
            await asyncio.sleep(delay_s)

    async def _tell_why(self) -> None:
        """Once, if there is more to say than that it comes later."""
        name, address = self._member.name, self._connection.address
        if self._told:
            return
        self._told = True
        try:
            is_taken = name in await self._connection.names()
        except UgptError as error:
            self._emit(Notice(error.message))
            return
        if is_taken:
            self._emit(
                Notice(
                    f"A board called {name} is at {address} already, from another program or "
                    "computer; this one joins when that one leaves."
                )
            )

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[Nanny]:
        member, connection = self._member, self._connection
        nanny = Nanny(
            connection.address,
            name=member.name,
            nthreads=1,
            resources=RESOURCES,
            memory_limit=0,
            death_timeout=_START_TIMEOUT_S,
            dashboard=False,
            dashboard_address=f"{LOOPBACK}:0",
            silence_logs=logging.CRITICAL,
            plugins=(BoardPlugin(member.name, member.target),),
            security=connection.security,
            local_directory=self._folder,
            **({"host": connection.host} if connection.host else {}),
        )
        starting = asyncio.ensure_future(self._started(nanny))
        try:
            # One that is half started cannot be ended.
            await asyncio.shield(starting)
            yield nanny
        finally:
            await asyncio.wait({starting})
            starting.exception()  # which is known, and is not to be told again
            with contextlib.suppress(OSError, RuntimeError):
                await nanny.close()

    async def _started(self, nanny: Nanny) -> None:
        with self._deafness:
            try:
                await nanny.start()
            except AssertionError as error:  # Dask's, if time is up for one that is half started
                raise TimeoutError from error


class _Deafness:
    """Processes that are started meanwhile never hear of Ctrl-C or a terminal that is closed.

    Both reach all of them, and what they mean is for this one to decide. It hears of them by
    another thread, of which Dask has some, or at the end of the block.
    """

    def __init__(self) -> None:
        self._depth = 0
        if sys.platform != "win32":
            with self:
                resource_tracker.ensure_running()  # whose start would unblock Ctrl-C again

    def __enter__(self) -> None:
        self._depth += 1
        self._mask()

    def __exit__(self, *exc: object) -> None:
        self._depth -= 1
        self._mask()

    def _mask(self) -> None:
        if sys.platform != "win32":
            how = signal.SIG_BLOCK if self._depth else signal.SIG_UNBLOCK
            signal.pthread_sigmask(how, {signal.SIGINT, signal.SIGHUP})


def _delays_s() -> itertools.chain[float]:
    return itertools.chain(RETRY_DELAYS_S, itertools.repeat(RETRY_DELAYS_S[-1]))

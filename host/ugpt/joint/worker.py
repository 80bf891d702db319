"""The side of a Dask worker process: it owns the port of one board, and does its tasks.

Tasks are coroutines, which Dask runs in the event loop of the process: the board is spoken to in
the one loop there is. This module imports Dask, so nothing may import it before it is wanted.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import TypeVar, cast

from distributed import Worker, WorkerPlugin, get_worker

from .. import __version__
from ..device.target import Target
from ..errors import UgptError
from .board import Board, Outcome, Refused
from .errors import BoardLost
from .tasks import Task

T = TypeVar("T")

RESOURCES = {"board": 1}
"""What a worker process with a board has, and a task takes."""

_PLUGIN = "ugpt-board"


class BoardPlugin(WorkerPlugin):  # type: ignore[misc]  # Dask is optional, and unknown to mypy
    """Opens the board when its worker process starts, and closes it when that ends."""

    name = _PLUGIN

    def __init__(self, board: str, target: Target) -> None:
        self._name = board
        self._target = target
        self.board: Board

    async def setup(self, worker: Worker) -> None:
        """Raises BoardLost if the board cannot be opened; then the process ends."""
        logging.disable(logging.CRITICAL)  # whatever matters is told by the results of tasks
        # Out of reach of what is meant for the whole process group: Ctrl-C, a terminal that is
        # closed, `kill` in a shell. The process that started this one decides.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if sys.platform != "win32" and os.getsid(0) != os.getpid():
            os.setsid()
        self.board = Board(self._name, self._target)
        try:
            await self.board.open()
        except UgptError as error:
            raise BoardLost(error.message, error.advice) from None

    async def teardown(self, worker: Worker) -> None:
        await self.board.close()


async def run_on_board(task: Task[T], version: str) -> Outcome[T]:
    """Does a task on the board of this process, for a program of the release `version`.

    If the board is gone this raises BoardLost, and the process ends, so that Dask gives the task to
    another one.
    """
    worker = get_worker()
    board = cast(BoardPlugin, worker.plugins[_PLUGIN]).board
    if version != __version__:
        return Refused(
            board.name,
            f"Its computer has ugpt {__version__}, and this one {version}. Install the same "
            "release on both.",
        )
    try:
        return await board.attempt(task)
    except BoardLost as error:
        worker.loop.add_callback(worker.close, reason=str(error))
        raise

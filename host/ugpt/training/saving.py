"""Saves a run while it goes on, so that what a kill costs is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ..device.client import Device
from .lifecycle import save_run
from .room import DiskRoom, Part
from .session import Session
from .transfers import save_in_flash
from .wishes import Wish, Wishes

SAVING_LIMIT_S = 300.0
"""After which the saving of a run that is to end is given up."""
_SHARE = 9  # of the time, at least so much more goes to training than to saving


class Saver:
    """Keeps the checkpoint of a run as young as the run wants it, over all its connections.

    A period in steps is a step to train to, `next_step`. One in time ends with a wish, which is
    granted at the next step boundary. It counts from the end of the last saving and is longer on a
    line where saving takes long.
    """

    def __init__(self, session: Session, wishes: Wishes) -> None:
        self._session = session
        self._wishes = wishes
        self._period = session.run.config.save_every
        self._saved_step = -1
        self._due_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.room = DiskRoom(session.emit, "the memory of the board")

    def next_step(self, step: int) -> int:
        """The first step after `step` that is saved, or the last one of the run."""
        total_steps = self._session.total_steps
        every = self._period.steps or total_steps
        return min((step // every + 1) * every, total_steps)

    def is_due_at(self, step: int) -> bool:
        """Whether a period in steps ends there."""
        return self._period.steps > 0 and step % self._period.steps == 0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Meanwhile asks for a saving whenever the period, if it is one in time, is over."""
        if self._due_s is None:
            self._due_s = asyncio.get_running_loop().time() + self._period.seconds
        self._start_timer()
        try:
            yield
        finally:
            self._stop_timer()

    async def save(self, device: Device, step: int) -> None:
        """Saves a device that stands after `step`, in its flash and in the run folder.

        A full disk is told, and no reason to end the run.
        """
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        if step not in (self._saved_step, 0, self._session.total_steps):
            await save_in_flash(device, self._session.emit)
            with self.room.awaited(Part.CHECKPOINT):
                await save_run(device, self._session, step)
                self._saved_step = step
        took_s = loop.time() - started_s
        self._due_s = loop.time() + max(float(self._period.seconds), _SHARE * took_s)
        if self._timer is not None:
            self._stop_timer()
            self._start_timer()

    async def keep_best(self, device: Device, step: int) -> None:
        """Saves a device that stands after `step` in the run folder, if that keeps the best one.

        The flash, which wears, is left for the checkpoints that are due.
        """
        if self._session.run.config.keep > 1 and step not in (0, self._session.total_steps):
            with self.room.awaited(Part.CHECKPOINT):
                await save_run(device, self._session, step)

    def _start_timer(self) -> None:
        if self._period.seconds and self._due_s is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._due_s, self._wishes.ask, Wish.SAVE)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

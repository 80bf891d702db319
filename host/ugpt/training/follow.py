"""Follows a run that a board does by itself, and completes its folder at the end."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from enum import Enum

from ..device.client import Device
from ..rpc.messages import DeviceState, Source, Status
from ..runs.errors import RunError
from ..runs.folder import Run
from ..runs.registry import forget, note_stopped
from ..wording import command
from .belonging import record_device, require_last_device, require_own_device
from .claims import require_losses, require_sound
from .events import History, Notice, OnEvent, Restored, StepLosses
from .fit import require_fit
from .lifecycle import describe_data, describe_start, finish_run
from .loss_history import pull_loss_history
from .reporter import ProgressReporter
from .restore import ResumePoint
from .retry import Connect, Retry
from .room import DiskRoom, record_told
from .session import Session
from .silence import silence_told
from .throughput import Throughput
from .validation import Validation
from .wishes import Wish, Wishes

OpenSession = Callable[[int], Session]
"""Finds the run of a number, with its data set."""

_LOOK_S = 0.2
_LOSSES_BETWEEN_LOOKS = 400  # a board holds 1,024 at least


class Following(Enum):
    """How following a run ended."""

    FINISHED = "finished"
    STOPPED = "stopped"  # before its last step, by somebody


class Attachment:
    """One run that goes on on its own, watched until it ends.

    Leaving early does it no harm: the board goes on, and so does the folder from where it was.
    """

    def __init__(self, connect: Connect, open_session: OpenSession, emit: OnEvent) -> None:
        self._open_session = open_session
        self._started_s = time.monotonic()
        self._follower: _Follower | None = None
        self._wishes = Wishes()
        self._retry = Retry(
            connect,
            emit,
            step=lambda: self._follower.run.metrics.step if self._follower else 0,
            stop=self._wishes.stop,  # never set: leaving needs no ceremony
        )

    def request(self, wish: Wish) -> None:
        """Asks for a few texts of the model as it is, or for the loss of each character."""
        self._wishes.ask(wish)

    @property
    def run_followed(self) -> Run | None:
        """The run on the board, once it is known."""
        return self._follower.run if self._follower else None

    @property
    def step(self) -> int:
        """How many steps the board had completed when it was looked at last."""
        return self._follower.step if self._follower else 0

    async def run(self) -> Following:
        """Follows to the last step. Raises UgptError if that is not possible."""
        with contextlib.ExitStack() as self._held:
            outcome = await self._retry.run(self._converse)
        assert outcome is not None
        return outcome

    async def _converse(self, device: Device) -> Following:
        if self._follower is None:
            session = await self._find(device)
            self._held.enter_context(session.run.alone())
            record_device(device, session)
            self._follower = _Follower(session, self._started_s, self._wishes)
        else:
            require_own_device(device, self._follower.session)
        async with silence_told(device, self._follower.emit):
            return await self._follower.follow(device)

    async def _find(self, device: Device) -> Session:
        if device.started_here:  # nothing is plugged in: not even the board that is meant
            require_last_device(device, "attach")
        status = await device.status()
        if status.state is DeviceState.EMPTY:
            raise RunError("The board holds no run.", "Start one: ugpt train FILE --detach")
        session = self._open_session(status.run_id)
        if session.run.config.run_id != status.run_id:
            raise RunError(
                f"The board holds another run (number {status.run_id:08x}) than "
                f"{session.run.path}.",
                "Name the folder of that run: ugpt attach --run RUN",
            )
        require_own_device(device, session, may_move=session.may_move)
        return session


class _Follower:
    """Keeps a run folder level with the board, over one connection or several."""

    def __init__(self, session: Session, started_s: float, wishes: Wishes) -> None:
        self.run = session.run
        self.emit = session.emit
        self.session = session
        self._started_s = started_s
        self._wishes = wishes
        self._total_steps = session.total_steps
        self._shown = False
        self.step = 0

    async def follow(self, device: Device) -> Following:
        status = await self._look(device)
        if status.source is Source.HOST and status.step < self._total_steps:
            raise RunError(
                f"The run on the board needs a host: it stands after step {status.step:,}.",
                f"Go on with it: {command('train', '--resume', self.run.path, *device.option)}",
            )
        self.run.metrics.cut_at_gap(max(status.first_loss_step, 1))
        if status.state is not DeviceState.IDLE or status.step == self._total_steps:
            await self._show(device, status)
        await self._catch_up(device)
        await self._catch_up(device)  # with what went on meanwhile, so that rates begin here
        step = self.run.metrics.step
        throughput = Throughput(device, step, self._total_steps, self._started_s)
        reporter = ProgressReporter(device, self.session, step, throughput)
        while True:
            before, looked_s = self.run.metrics.step, time.monotonic()
            status = await self._catch_up(device)
            step = self.run.metrics.step
            throughput.count(sum(self.session.token_counts.of(before + 1, step - before)))
            if status.state is DeviceState.IDLE and step >= status.step:
                break
            reporter.after_each(step, status)
            await reporter.keep_diary(step)
            await self._attend(reporter, step)
            await asyncio.sleep(_pause_s(step - before, time.monotonic() - looked_s))
        if self._shown:
            reporter.report(step, status)
        if status.step < self._total_steps:
            note_stopped(self.run.config.run_id)
            return Following.STOPPED
        if missing := sum(map(math.isnan, self.run.metrics.losses)):
            self.emit(
                Notice(
                    f"The board has kept the losses of {self._total_steps - missing:,} of "
                    f"{self._total_steps:,} steps; metrics.jsonl has a gap for each of the others."
                )
            )
        validation = Validation(self.session, DiskRoom(self.emit, "the memory of the board"))
        await finish_run(device, self.session, validation, None)
        forget(self.run)
        return Following.FINISHED

    async def _attend(self, reporter: ProgressReporter, step: int) -> None:
        """Grants what was asked for; the board goes on meanwhile."""
        while (wish := self._wishes.take()) is not None:
            if wish is Wish.SAMPLE:
                await reporter.sample_now(step)
            elif wish is Wish.LETTERS:
                await reporter.measure_letters(step)

    async def _show(self, device: Device, status: Status) -> None:
        """Tells what is already known when a board is taken up, or taken up again."""
        is_complete = status.step == self._total_steps
        point = ResumePoint(status.step, "the board" if is_complete else "its own flash")
        if self._shown:
            self.emit(Restored(status.step, point.source))
            return
        self._shown = True
        config = self.run.config
        plan = await require_fit(device, config.shape, config.recipe, self.session.vocabulary_bytes)
        self.emit(describe_start(device, self.session, plan, point))
        self.emit(describe_data(self.session))
        if self.run.metrics.step:
            self.emit(History(self.run.metrics.losses, self.run.metrics.val_losses))

    async def _catch_up(self, device: Device) -> Status:
        """Records every loss that can be had; returns the status before."""
        status = await self._look(device)
        while (first := self.run.metrics.step + 1) <= status.step:
            losses = await device.losses(first)
            if not losses.values or losses.first > first:
                held_from = losses.first if losses.values else status.step + 1
                older = pull_loss_history(device, self.run, self.session.token_counts, held_from)
                async for event in older:
                    self.emit(event)
                # The board had no room for the others, and nobody was there to take them.
                self.run.metrics.give_up(held_from - 1)
            if losses.values:
                self._record(losses.first, losses.values)
        return status

    def _record(self, first: int, losses: tuple[float, ...]) -> None:
        require_losses(range(first, first + len(losses)), losses, self._total_steps)
        tokens = self.session.token_counts.of(first, len(losses))
        record_told(self.run.metrics, first, losses, tokens, self.emit)
        self.emit(StepLosses(first, losses, tokens))

    async def _look(self, device: Device) -> Status:
        status = await device.status()
        if status.run_id != self.run.config.run_id:
            raise RunError(
                "The board holds another run now: somebody has put it there.",
                "Attach again to follow that one.",
            )
        require_sound(status, self._total_steps)
        self.step = status.step
        return status


def _pause_s(steps: int, duration_s: float) -> float:
    """How long the board may be left alone before it forgets a loss."""
    steps_per_s = steps / max(duration_s, 1e-6)
    return min(_LOSSES_BETWEEN_LOOKS / max(steps_per_s, 1e-6), _LOOK_S)

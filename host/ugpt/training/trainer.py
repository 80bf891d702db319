"""Conducts a training run: documents out, losses in, and back on its feet after every mishap.

The device trains; this module keeps it supplied with documents ahead of its steps, pulls every
loss before the device forgets it, and keeps the run folder so complete that the run can go on from
it at any time. Since every step is a function of the weights before it and of its document, a run
that is interrupted, restarted or resumed ends with the same bits as one that is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from enum import Enum

from ..device.client import Device
from ..errors import UgptError
from ..rpc.errors import DeviceRestarted, FlashFailed, NoRoom
from .events import History, Notice, Restored, StepLosses, Stopped
from .feeder import DocumentFeeder
from .fit import require_fit
from .lifecycle import describe_start, finish_run, save_run
from .reporter import ProgressReporter
from .restore import place
from .retry import LOST, Connect, Retry
from .session import Session
from .throughput import Throughput
from .validation import Validation


class Outcome(Enum):
    """How a training run ended."""

    FINISHED = "finished"
    STOPPED = "stopped"


class Training:
    """One run from wherever it stands to its end.

    The session's `emit` hears of everything. `request_stop` ends the run at a step boundary; the
    run folder is complete then, and another Training of the same folder goes on from there.
    """

    def __init__(self, connect: Connect, session: Session) -> None:
        self._session = session
        self._run = session.run
        self._emit = session.emit
        self._validation = Validation(session)
        self._stop = asyncio.Event()
        self._started_s = time.monotonic()
        self.placed = False
        """Whether training has begun, so that there is something to stop and to keep."""
        self._retry = Retry(
            connect,
            session.emit,
            step=lambda: self._run.metrics.step,
            begun=lambda: self.placed,
            stop=self._stop,
        )

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def request_stop(self) -> None:
        """Asks for an end at the next step boundary."""
        self._stop.set()

    async def run(self) -> Outcome:
        """Trains to the last step. Raises UgptError if that is not possible."""
        outcome = await self._retry.run(self._converse)
        if outcome is not None:
            return outcome
        self._emit(Stopped(self._run.path, self._run.metrics.step))
        return Outcome.STOPPED

    async def _converse(self, device: Device) -> Outcome:
        await self._place(device)
        try:
            return await self._conduct(device)
        except UgptError as error:
            if not isinstance(error, (*LOST, DeviceRestarted)):
                await self._rest(device)
            raise

    async def _place(self, device: Device) -> None:
        config = self._run.config
        plan = await require_fit(
            device, config.shape, config.recipe, self._session.vocabulary_bytes
        )
        self._run.begin(device.description)
        point = await place(device, self._session)
        if self.placed:
            self._emit(Restored(point.step, point.source))
            return
        self.placed = True
        self._emit(describe_start(device, self._session, plan, point))
        if self._run.metrics.step:
            self._emit(History(self._run.metrics.losses, self._run.metrics.val_losses))
        if plan.checkpoint_bytes > device.hello.checkpoint_bytes:
            self._emit(Notice("The model is too large for the flash of the device to keep."))

    async def _conduct(self, device: Device) -> Outcome:
        """Trains a placed run, in parts that end where an evaluation or a checkpoint is due."""

        def on_losses(first: int, losses: Sequence[float], tokens: Sequence[int]) -> None:
            changed = self._run.metrics.record(first, losses, tokens)
            if changed is not None:
                self._emit(Notice(f"Step {changed:,} gave another loss than the first time."))
            throughput.count(sum(tokens))
            self._emit(StepLosses(first, losses, tokens))

        total_steps = self._session.total_steps
        feeder = DocumentFeeder(device, self._session, on_losses)
        await feeder.begin()
        throughput = Throughput(device, feeder.step, total_steps, self._started_s)
        reporter = ProgressReporter(device, self._session, feeder.step, throughput)
        await self._validation.after(device, feeder.step)  # which an interruption prevented
        while feeder.step < total_steps:
            target = self._next_target(feeder.step)
            await feeder.advance(
                min(target, self._run.config.next_evaluation(feeder.step)),
                target,
                self._stop,
                lambda: reporter.after_each(feeder.step),
            )
            if self._stop.is_set():
                await device.pause()
                await feeder.drain()
            await self._validation.after(device, feeder.step)
            if feeder.step == total_steps:
                break
            if self._stop.is_set():
                return await self._stop_here(device, feeder.step)
            if feeder.step == target:
                await self._save(device, feeder.step)
        reporter.report(feeder.step)
        elapsed_s = time.monotonic() - self._started_s
        await finish_run(device, self._session, elapsed_s)
        return Outcome.FINISHED

    def _next_target(self, step: int) -> int:
        total_steps = self._session.total_steps
        every = self._run.config.save_every
        return min((step // every + 1) * every, total_steps) if every else total_steps

    async def _save(self, device: Device, step: int) -> None:
        await save_run(device, self._session, step)

    async def _stop_here(self, device: Device, step: int) -> Outcome:
        with contextlib.suppress(FlashFailed, NoRoom):
            await device.save()
        await self._save(device, step)
        self._emit(Stopped(self._run.path, step))
        return Outcome.STOPPED

    async def _rest(self, device: Device) -> None:
        """After an error that ends the run: the device keeps what it has, as far as it can."""
        with contextlib.suppress(UgptError):
            await device.pause()
            await device.save()

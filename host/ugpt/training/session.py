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
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum

from ..data.dataset import Dataset, split_documents
from ..device.client import Device
from ..errors import (
    DeviceRestarted,
    FlashFailed,
    LinkClosed,
    NoAnswer,
    NoRoom,
    PortError,
    UgptError,
)
from ..runs.folder import Run
from .events import History, Interrupted, Notice, OnEvent, Restored, StepLosses, Stopped
from .feeder import Stream
from .fit import require_fit
from .lifecycle import describe_start, finish_run, save_run
from .loss_history import TokenCounts
from .reporter import Rounds
from .restore import place
from .throughput import Speedometer
from .validation import Validation

Connect = Callable[[], AbstractAsyncContextManager[Device]]
"""Opens a connection to the device; called again after the port was lost."""

RETRY_DELAYS_S = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
"""How long to wait before each attempt at a device that is lost."""


class Outcome(Enum):
    """How a training run ended."""

    FINISHED = "finished"
    STOPPED = "stopped"


class Training:
    """One run from wherever it stands to its end.

    `on_event` hears of everything. `request_stop` ends the run at a step boundary; the run folder
    is complete then, and another Training of the same folder goes on from there.
    """

    def __init__(self, connect: Connect, run: Run, dataset: Dataset, on_event: OnEvent) -> None:
        self._connect = connect
        self._run = run
        self._dataset = dataset
        self._emit = on_event
        config = run.config
        split = split_documents(dataset.documents, config.seed, config.held_out)
        self._documents = split.training
        self._tokens = TokenCounts(run, dataset)
        self._validation = Validation(run, dataset, on_event)
        self._total_steps = config.recipe.total_steps
        self._stop = asyncio.Event()
        self._started_s = time.monotonic()
        self.placed = False
        """Whether training has begun, so that there is something to stop and to keep."""
        self._failures = 0
        self._failed_at = -1

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def request_stop(self) -> None:
        """Asks for an end at the next step boundary."""
        self._stop.set()

    async def run(self) -> Outcome:
        """Trains to the last step. Raises UgptError where that is not possible."""
        while True:
            try:
                async with self._connect() as device:
                    return await self._converse(device)
            except (PortError, NoAnswer, LinkClosed) as error:
                if not self.placed:
                    raise
                await self._wait_to_retry(error)
                if self._stop.is_set():
                    self._emit(Stopped(self._run.path, self._run.metrics.step))
                    return Outcome.STOPPED

    async def _converse(self, device: Device) -> Outcome:
        """Trains over one connection, which outlives restarts of the device."""
        while True:
            try:
                present = device.until_restart()
                await self._place(present)
                try:
                    return await self._conduct(present)
                except UgptError as error:
                    if not isinstance(error, (PortError, NoAnswer, LinkClosed, DeviceRestarted)):
                        await self._rest(present)
                    raise
            except DeviceRestarted as error:
                await self._wait_to_retry(error)
                await device.greet()

    async def _place(self, device: Device) -> None:
        config = self._run.config
        vocabulary_bytes = len(self._dataset.vocabulary.characters.encode())
        plan = await require_fit(device, config.shape, config.recipe, vocabulary_bytes)
        self._run.begin(device.description)
        placement = await place(device, self._run, self._dataset)
        if self.placed:
            self._emit(Restored(placement.step, placement.source))
            return
        self.placed = True
        self._emit(describe_start(device, self._run, self._dataset, plan, placement))
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
            speedometer.count(sum(tokens))
            self._emit(StepLosses(first, losses, tokens))

        stream = Stream(
            device, self._run, self._documents, self._dataset.vocabulary, self._tokens, on_losses
        )
        await stream.begin()
        speedometer = Speedometer(device, stream.step, self._total_steps, self._started_s)
        rounds = Rounds(device, self._run, stream.step, speedometer, self._emit)
        await self._validation.after(device, stream.step)  # which an interruption prevented
        while stream.step < self._total_steps:
            target = self._next_target(stream.step)
            await stream.advance(
                min(target, self._run.config.next_evaluation(stream.step)),
                target,
                self._stop,
                lambda: rounds.after_each(stream.step),
            )
            if self._stop.is_set():
                await device.pause()
                await stream.drain()
            await self._validation.after(device, stream.step)
            if stream.step == self._total_steps:
                break
            if self._stop.is_set():
                return await self._stop_here(device, stream.step)
            if stream.step == target:
                await self._save(device, stream.step)
        rounds.report(stream.step)
        elapsed_s = time.monotonic() - self._started_s
        await finish_run(device, self._run, self._dataset, elapsed_s, self._emit)
        return Outcome.FINISHED

    def _next_target(self, step: int) -> int:
        every = self._run.config.save_every
        if not every:
            return self._total_steps
        return min((step // every + 1) * every, self._total_steps)

    async def _save(self, device: Device, step: int) -> None:
        await save_run(device, self._run, self._dataset, step, self._emit)

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

    async def _wait_to_retry(self, error: UgptError) -> None:
        """Raises `error` where trying again has led nowhere for long."""
        step = self._run.metrics.step
        self._failures = self._failures + 1 if step == self._failed_at else 0
        self._failed_at = step
        if self._failures >= len(RETRY_DELAYS_S):
            raise error
        self._emit(Interrupted(error.message))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_DELAYS_S[self._failures]):
                await self._stop.wait()

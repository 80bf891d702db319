"""Conducts a training run: documents out, losses in, and back on its feet after every mishap.

The device trains; this module keeps it supplied with documents ahead of its steps, pulls every
loss before the device forgets it, and keeps the run folder so complete that the run can go on from
it at any time. Since every step is a function of the weights before it and of its document, a run
that is interrupted, restarted or resumed ends with the same bits as one that is not.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from enum import Enum

from ..device.client import Device
from ..device.compatibility import OWN_TABLE, missing_regions
from ..errors import UgptError
from ..rpc.errors import DeviceRestarted, DoesNotFit, NoRoom
from ..rpc.messages import Loaded
from .belonging import record_device, require_own_device
from .detach import Detached, detach
from .events import History, Notice, Paused, Purpose, Restored, Resumed, StepLosses, Stopped
from .extension import extend
from .feeder import DocumentFeeder
from .fit import require_fit
from .guard import require_free
from .kept import kept_step
from .lifecycle import (
    describe_data,
    describe_start,
    draw_card,
    finish_run,
    save_run,
    texts_for_card,
)
from .reporter import ProgressReporter
from .restore import place
from .retry import LOST, Connect, Retry
from .saving import Saver
from .session import Session
from .silence import silence_told
from .throughput import Throughput
from .transfers import save_in_flash, transfer_told
from .validation import Validation
from .wishes import Wish, Wishes

_LOOK_S = 0.5  # at a device that stands still on request


class Outcome(Enum):
    """How a training run ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    DETACHED = "detached"  # the board goes on by itself


class Training:
    """One run from wherever it stands to its end.

    The session's `emit` hears of everything. What is requested takes effect at a step boundary
    and leaves the weights at the end as they would be. `request_stop` ends the run there; the run
    folder is complete then, and another Training of the same folder goes on from there.
    """

    def __init__(self, connect: Connect, session: Session) -> None:
        self._session = session
        self._run = session.run
        self._emit = session.emit
        self._wishes = Wishes()
        self._saver = Saver(session, self._wishes)
        self._validation = Validation(session, self._saver.room)
        self._resumes = session.run.exists
        self._started_s = time.monotonic()
        self.placed = False
        """Whether training has begun, so that there is something to stop and to keep."""
        self.step = session.run.metrics.step
        """Steps completed, as far as is known: the folder may hold losses of later ones, which a
        run that had to go back trains again."""
        self._given_up: set[int] | None = None
        """Number of the run that may be lost on the device, where a restart brings it back until
        this one is saved there; None before the first look."""
        self.detached: Detached | None = None
        """How the board goes on, if it was asked to go on by itself."""
        self._retry = Retry(
            connect,
            session.emit,
            step=lambda: self._run.metrics.step,
            stop=self._wishes.stop,
        )

    @property
    def stopping(self) -> bool:
        return self._wishes.stop.is_set()

    def request_stop(self) -> None:
        """Asks for an end at the next step boundary."""
        self.request(Wish.STOP)

    def request(self, wish: Wish) -> None:
        """Asks for something at the next step boundary."""
        self._wishes.ask(wish)

    async def run(self) -> Outcome:
        """Trains to the last step. Raises UgptError if that is not possible."""
        with self._run.alone():
            outcome = await self._retry.run(self._converse)
            if outcome is not None:
                return outcome
            draw_card(self._session, [])
            return self._stopped()

    async def _converse(self, device: Device) -> Outcome:
        await self._place(device)
        try:
            async with silence_told(device, self._emit):
                with self._saver.timed():
                    return await self._conduct(device)
        except UgptError as error:
            if not isinstance(error, (*LOST, DeviceRestarted)):
                await self._rest(device)
            raise

    async def _place(self, device: Device) -> None:
        config = self._run.config
        session, first = self._session, not self.placed
        require_own_device(device, session, may_move=session.may_move and first)
        plan = await require_fit(
            device, config.shape, config.recipe, self._session.vocabulary_bytes
        )
        await self._require_free(device)
        record_device(device, session)
        if (await device.status()).loaded is Loaded.STORY:
            self._emit(Notice("The pretrained model leaves the memory to this run."))
        await extend(device, session)
        point = await place(device, session)
        self.step = point.step
        if self.placed:
            self._emit(Restored(point.step, point.source))
            return
        self.placed = True
        self._emit(describe_start(device, self._session, plan, point, self._resumes))
        self._emit(describe_data(self._session))
        if self._run.metrics.step:
            self._emit(History(self._run.metrics.losses, self._run.metrics.val_losses))
        if missing := missing_regions(device.hello):
            self._emit(Notice(f"{missing} {OWN_TABLE}"))
        elif plan.checkpoint_bytes > device.hello.checkpoint_bytes:
            self._emit(Notice("The model is too large for the flash of the device to keep."))

    async def _require_free(self, device: Device) -> None:
        """Permission to overwrite is for what is there when the run begins: what is found after a
        lost line has come since, or is on another device."""
        session = self._session
        found = (await device.status()).run_id
        if self._given_up is None:
            self._given_up = {found} if session.may_overwrite else set()
        await require_free(
            device,
            may_overwrite=found in self._given_up,
            run_ids={*self._run.config.run_ids, *session.expendable},
        )

    async def _conduct(self, device: Device) -> Outcome:
        """Trains a placed run, in parts that end where an evaluation or a checkpoint is due."""

        def on_losses(first: int, losses: Sequence[float]) -> None:
            tokens = self._session.token_counts.of(first, len(losses))
            self._saver.room.record(self._run.metrics, first, losses, tokens)
            self.step = first + len(losses) - 1
            throughput.count(sum(tokens))
            self._emit(StepLosses(first, losses, tokens))

        total_steps = self._session.total_steps
        feeder = DocumentFeeder(device, self._session.feed, on_losses)
        await feeder.begin(self._run.metrics.step)
        throughput = Throughput(device, feeder.step, total_steps, self._started_s)
        reporter = ProgressReporter(device, self._session, feeder.step, throughput)
        await self._validation.after(device, feeder.step)  # which an interruption prevented
        await reporter.keep_diary(feeder.step)
        while feeder.step < total_steps:
            evaluation = self._run.config.next_evaluation(feeder.step)
            await feeder.advance(
                min(self._saver.next_step(feeder.step), evaluation, reporter.next_page),
                total_steps,
                self._wishes.arrived,
                lambda: reporter.after_each(feeder.step, feeder.status),
            )
            if feeder.step == total_steps:
                with throughput.standing_still():
                    async with transfer_told(self._emit, Purpose.SAVE):
                        await feeder.see_saved()
            ending = await self._attend(device, feeder, reporter, throughput)
            with throughput.standing_still():
                if await self._validation.after(device, feeder.step):
                    await self._saver.keep_best(device, feeder.step)
            await reporter.keep_diary(feeder.step)
            if feeder.step == total_steps:
                break
            if ending is Wish.STOP:
                return await self._stop_here(device, feeder.step)
            if ending is Wish.DETACH and await self._detach_here(device):
                return Outcome.DETACHED
            if self._saver.is_due_at(feeder.step):
                with throughput.standing_still():
                    await self._save(device, feeder.step)
        reporter.report(feeder.step, feeder.status)
        elapsed_s = time.monotonic() - self._started_s
        await finish_run(device, self._session, self._validation, elapsed_s)
        return Outcome.FINISHED

    async def _attend(
        self,
        device: Device,
        feeder: DocumentFeeder,
        reporter: ProgressReporter,
        throughput: Throughput,
    ) -> Wish | None:
        """Grants what was asked for; returns a wish that ends the run here, STOP or DETACH."""
        paused = False
        try:
            while True:
                wish = await self._wishes.wait(_LOOK_S) if paused else self._wishes.take()
                match wish:
                    case None if paused:
                        feeder.status = await device.status()
                        reporter.report(feeder.step, feeder.status)
                    case None:
                        return None
                    case Wish.SAMPLE:
                        await reporter.sample_now(feeder.step)
                    case Wish.LETTERS:
                        await reporter.measure_letters(feeder.step)
                    case Wish.EVALUATE:
                        await self._stand_still(device, feeder)
                        with throughput.standing_still():
                            await self._validation.now(device, feeder.step)
                    case Wish.SAVE:
                        await self._stand_still(device, feeder)
                        with throughput.standing_still():
                            await self._save(device, feeder.step)
                    case Wish.PAUSE:
                        await self._stand_still(device, feeder)
                        if not paused and feeder.step < self._session.total_steps:
                            paused = True
                            self._emit(Paused(feeder.step))
                    case Wish.RESUME if paused:
                        paused = False
                        self._emit(Resumed(feeder.step))
                    case Wish.STOP | Wish.DETACH:
                        await self._stand_still(device, feeder)
                        return wish
        except UgptError:
            if paused:
                self._wishes.ask(Wish.PAUSE)  # it holds on the next connection as well
            raise

    async def _save(self, device: Device, step: int) -> None:
        await self._saver.save(device, step)
        if self._given_up and (await device.status()).saved_step:
            self._given_up = set()

    async def _stand_still(self, device: Device, feeder: DocumentFeeder) -> None:
        """Stops the device at a step boundary; the next `advance` lets it go on."""
        await device.pause()
        await feeder.drain()

    async def _detach_here(self, device: Device) -> bool:
        """Leaves the board to itself; False if the run cannot live there."""
        try:
            self.detached = await detach(device, self._session)
        except (DoesNotFit, NoRoom) as error:
            self._emit(Notice(str(error)))
            return False
        self._emit(self.detached)
        return True

    async def _stop_here(self, device: Device, step: int) -> Outcome:
        await save_in_flash(device, self._emit)
        await save_run(device, self._session, step)
        draw_card(self._session, await texts_for_card(device, self._session))
        return self._stopped()

    def _stopped(self) -> Outcome:
        self._emit(Stopped(self._run.path, self.step, kept_step(self._run)))
        return Outcome.STOPPED

    async def _rest(self, device: Device) -> None:
        """After an error that ends the run: the device keeps what it has, as far as it can."""
        with contextlib.suppress(UgptError):
            await device.pause()
            await device.save()

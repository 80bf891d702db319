"""Follows a run that a board does by itself, and completes its folder at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum

from ..data.dataset import Dataset
from ..device.client import Device
from ..errors import DeviceRestarted, LinkClosed, NoAnswer, PortError, RunError, UgptError
from ..rpc.messages import DeviceState, Source, Status
from ..runs.folder import Run
from ..runs.registry import forget
from .events import History, Interrupted, Notice, OnEvent, Restored, StepLosses
from .feeder import require_no_error
from .fit import require_fit
from .lifecycle import describe_start, finish_run
from .loss_history import TokenCounts, pull_curve
from .reporter import Rounds
from .restore import Placement
from .session import RETRY_DELAYS_S, Connect
from .throughput import Speedometer

OpenRun = Callable[[int], tuple[Run, Dataset]]
"""Finds the folder and the data set of the run of a number."""

_LOOK_S = 0.2
_LOSSES_BETWEEN_LOOKS = 400  # a board holds 1,024 at least


class Following(Enum):
    """How following a run ended."""

    FINISHED = "finished"
    STANDING = "standing"  # still, before its last step: somebody paused it


class Attachment:
    """One run that goes on on its own, watched until it ends.

    Leaving early does it no harm: the board goes on, and so does the folder from where it was.
    """

    def __init__(self, connect: Connect, open_run: OpenRun, on_event: OnEvent) -> None:
        self._connect = connect
        self._open_run = open_run
        self._emit = on_event
        self._started_s = time.monotonic()
        self._follower: _Follower | None = None
        self._failures = 0
        self._failed_at = -1

    @property
    def run_followed(self) -> Run | None:
        """The run on the board, once it is known."""
        return self._follower.run if self._follower else None

    async def run(self) -> Following:
        """Follows to the last step. Raises UgptError where that is not possible."""
        while True:
            try:
                async with self._connect() as device:
                    return await self._converse(device)
            except (PortError, NoAnswer, LinkClosed) as error:
                if self._follower is None:
                    raise
                await self._wait_to_retry(error)

    async def _converse(self, device: Device) -> Following:
        """Follows over one connection, which outlives restarts of the board."""
        while True:
            try:
                present = device.until_restart()
                if self._follower is None:
                    run, dataset = await self._find(present)
                    self._follower = _Follower(run, dataset, self._started_s, self._emit)
                return await self._follower.follow(present)
            except DeviceRestarted as error:
                await self._wait_to_retry(error)
                await device.greet()

    async def _find(self, device: Device) -> tuple[Run, Dataset]:
        status = await device.status()
        if status.state is DeviceState.EMPTY:
            raise RunError("The board holds no run.", "Start one: ugpt train FILE --detach")
        run, dataset = self._open_run(status.run_id)
        if run.config.run_id != status.run_id:
            raise RunError(
                f"The board holds another run (number {status.run_id:08x}) than {run.path}.",
                "Name the folder of that run: ugpt attach --run DIR",
            )
        return run, dataset

    async def _wait_to_retry(self, error: UgptError) -> None:
        """Raises `error` where trying again has led nowhere for long."""
        step = self._follower.run.metrics.step if self._follower else 0
        self._failures = self._failures + 1 if step == self._failed_at else 0
        self._failed_at = step
        if self._failures >= len(RETRY_DELAYS_S):
            raise error
        self._emit(Interrupted(error.message))
        await asyncio.sleep(RETRY_DELAYS_S[self._failures])


class _Follower:
    """Keeps a run folder level with the board, over one connection or several."""

    def __init__(self, run: Run, dataset: Dataset, started_s: float, emit: OnEvent) -> None:
        self.run = run
        self._dataset = dataset
        self._started_s = started_s
        self._emit = emit
        self._tokens = TokenCounts(run, dataset)
        self._total_steps = run.config.recipe.total_steps
        self._shown = False
        self._given_up = 0

    async def follow(self, device: Device) -> Following:
        status = await self._look(device)
        if status.source is Source.HOST and status.step < self._total_steps:
            raise RunError(
                f"The run on the board needs a host: it stands after step {status.step:,}.",
                f"Go on with it: ugpt train --resume {self.run.path}",
            )
        await self._show(device, status)
        await self._catch_up(device, None)
        step = self.run.metrics.step
        speed = Speedometer(device, step, self._total_steps, self._started_s)
        rounds = Rounds(device, self.run, step, speed, self._emit)
        while True:
            before, looked_s = self.run.metrics.step, time.monotonic()
            status = await self._catch_up(device, speed)
            step = self.run.metrics.step
            if status.state is DeviceState.IDLE and step >= status.step:
                break
            await rounds.after_each(step)
            await asyncio.sleep(_pause_s(step - before, time.monotonic() - looked_s))
        rounds.report(step)
        if status.step < self._total_steps:
            return Following.STANDING
        if self._given_up:
            self._emit(Notice(f"The losses of {self._given_up:,} steps were not kept."))
        await finish_run(device, self.run, self._dataset, None, self._emit)
        forget(self.run)
        return Following.FINISHED

    async def _show(self, device: Device, status: Status) -> None:
        """Tells what is already known when a board is taken up, or taken up again."""
        placement = Placement(status.step, "its own flash")
        if self._shown:
            self._emit(Restored(status.step, placement.source))
            return
        self._shown = True
        config = self.run.config
        vocabulary_bytes = len(self._dataset.vocabulary.characters.encode())
        plan = await require_fit(device, config.shape, config.recipe, vocabulary_bytes)
        self._emit(describe_start(device, self.run, self._dataset, plan, placement))
        if self.run.metrics.step:
            self._emit(History(self.run.metrics.losses, self.run.metrics.val_losses))

    async def _catch_up(self, device: Device, speed: Speedometer | None) -> Status:
        """Records every loss that can be had; returns the status before.

        `speed` is to count the tokens, unless they were trained on while nobody looked.
        """
        status = await self._look(device)
        while (first := self.run.metrics.step + 1) <= status.step:
            losses = await device.losses(first)
            if not losses.values or losses.first > first:
                async for older in pull_curve(device, self.run, self._tokens):
                    self._emit(older)
                self._give_up(losses.first - 1 if losses.values else status.step)
            if losses.values:
                tokens = self._record(losses.first, losses.values)
                if speed:
                    speed.count(sum(tokens))
        return status

    def _record(self, first: int, losses: tuple[float, ...]) -> list[int]:
        """Returns the number of tokens of each step."""
        tokens = self._tokens.of(first, len(losses))
        changed = self.run.metrics.record(first, losses, tokens)
        if changed is not None:
            self._emit(Notice(f"Step {changed:,} gave another loss than the first time."))
        self._emit(StepLosses(first, losses, tokens))
        return tokens

    def _give_up(self, step: int) -> None:
        """The board had no room for these losses, and nobody was there to take them."""
        first = self.run.metrics.step + 1
        if step < first:
            return
        self.run.metrics.give_up(step)
        if not self._given_up:
            self._emit(Notice(f"The board no longer has the losses from step {first:,} on."))
        self._given_up += step + 1 - first

    async def _look(self, device: Device) -> Status:
        status = await device.status()
        if status.run_id != self.run.config.run_id:
            raise RunError(
                "The board holds another run now: somebody has put it there.",
                "Attach again to follow that one.",
            )
        require_no_error(status)
        return status


def _pause_s(steps: int, duration_s: float) -> float:
    """How long the board may be left alone before it forgets a loss."""
    steps_per_s = steps / max(duration_s, 1e-6)
    return min(_LOSSES_BETWEEN_LOOKS / max(steps_per_s, 1e-6), _LOOK_S)

"""Trains the trials of a sweep: one at a time on each board, until none is left.

A trial is an ordinary run, in a folder of its own. When its board is lost, another board goes on
with that very run from its last checkpoint, so that no trial is made twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..concurrency import run_together
from ..data.dataset import Dataset
from ..device.followed_target import FollowedTarget
from ..errors import InvalidValue, UgptError
from ..fleet.members import Member
from ..rpc.errors import (
    BadShape,
    Busy,
    DeviceError,
    DoesNotFit,
    FlashFailed,
    LinkError,
    NotFinite,
    PortError,
)
from ..runs.errors import OtherDevice, RunError
from ..runs.folder import Run
from ..runs.glance import MEAN_STEPS
from ..training.events import Event, Interrupted, Notice, OnEvent, Progress
from ..training.guard import WouldOverwrite
from ..training.new_run import new_run
from ..training.recipe import evaluation
from ..training.session import Session
from ..training.trainer import Outcome, Training
from .events import (
    BoardBack,
    BoardLost,
    SweepEnded,
    SweepStarted,
    TrialEnded,
    TrialProgress,
    TrialStarted,
)
from .plan import SweepPlan
from .study import REPORTS, SweepStudy, Trial, TrialState

_AGAIN_S = 5.0
"""Between two looks at a board that is lost."""
_BOARD_ERRORS = (PortError, LinkError, OtherDevice, Busy, FlashFailed)
"""After which a board may come back."""
_DECISIVE = (
    "data_sha256", "reading", "shape", "recipe", "seed", "init", "extensions", "parent", "joint",
    "validation_documents", "eval_every", "eval_documents",
)  # fmt: skip
"""What makes a run that of a trial; files may be found elsewhere by now."""


def trial_folder(folder: Path, number: int) -> Path:
    """Where the run of a trial is."""
    return folder / f"trial-{number:03}"


class Conductor:
    """A sweep from wherever it stands to its end, on all boards."""

    def __init__(
        self,
        folder: Path,
        plan: SweepPlan,
        study: SweepStudy,
        dataset: Dataset,
        members: Sequence[Member],
        emit: OnEvent,
        *,
        may_overwrite: bool = False,
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._study = study
        self._dataset = dataset
        self._members = members
        self.emit = emit
        self._may_overwrite = may_overwrite
        # One for the whole sweep, so that a board is found again at whatever port it comes back.
        self._targets = {member.name: FollowedTarget(member.target) for member in members}
        self._waiting: deque[Trial] = deque()
        self._refused: dict[int, set[str]] = {}
        """By trial, the boards whose memory its model does not fit."""
        self._usable = {member.name for member in members}
        self._run_ids: set[int] = set()
        """Of trials that boards may hold, whose steps nobody wants back."""
        self._begun: set[str] = set()
        """Boards that have had a trial: what is on them now came after `may_overwrite` was said."""
        self._said: set[tuple[str, str]] = set()
        self._running: dict[str, Training] = {}
        self._changed = asyncio.Event()
        self.stopping = False

    def request_stop(self) -> None:
        """Ends every run at its next step boundary and saves it."""
        stops_already, self.stopping = self.stopping, True
        for training in self._running.values():
            training.request_stop()
        self._changed.set()
        if not stops_already:
            self.emit(Notice("Stopping after the current steps, and saving."))

    async def run(self) -> None:
        """Raises UgptError if the sweep cannot go on: then it can be resumed."""
        self._waiting.extend(self._study.unfinished())
        trials = self._study.trials()
        done = [trial for trial in trials if trial.state is not TrialState.RUNNING]
        self._run_ids = self._run_ids_of(trials)
        names = tuple(member.name for member in self._members)
        self.emit(SweepStarted(str(self._folder), self._plan.trials, names, tuple(done)))
        await run_together(*(self._serve(member) for member in self._members))
        self.emit(SweepEnded(tuple(self._study.trials()), self.stopping))

    # Boards

    async def _serve(self, member: Member) -> None:
        """Gives one board trial after trial."""
        while (trial := await self._next_trial(member)) is not None:
            try:
                await self._try(member, trial)
            except _BOARD_ERRORS as error:
                self._give_back(member, trial, error)
                if not await self._is_back(member, error):
                    return
            except (WouldOverwrite, DeviceError) as error:  # and would again
                self._give_back(member, trial, error)
                self._require_boards(error)
                return

    def _give_back(self, member: Member, trial: Trial, error: UgptError) -> None:
        self._waiting.append(trial)
        self._usable.discard(member.name)
        self.emit(BoardLost(member.name, str(error), trial.number))
        self._wake()

    async def _is_back(self, member: Member, error: UgptError) -> bool:
        """Waits for a lost board as long as others train. Raises `error` if none is left."""
        while not self.stopping:
            self._require_boards(error)
            if not self._waiting and not self._running:
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S):
                    await self._wait_for_change()
            with contextlib.suppress(UgptError):
                async with self._targets[member.name].connect():
                    pass
                self._usable.add(member.name)
                self.emit(BoardBack(member.name))
                return True
        return False

    def _require_boards(self, error: UgptError) -> None:
        if not self._usable:
            raise error

    # Trials

    async def _next_trial(self, member: Member) -> Trial | None:
        """One for this board; None if none is left for it, nor will be."""
        while not self.stopping:
            for trial in self._waiting:
                if member.name not in self._refused.get(trial.number, ()):
                    self._waiting.remove(trial)
                    return trial
            if (asked := self._study.ask()) is not None:
                return asked
            if not self._running:
                self._fail_refused()
                return None
            await self._wait_for_change()  # another board may give its trial back
        return None

    async def _try(self, member: Member, trial: Trial) -> None:
        """Trains a trial to its end. Raises what the board is to blame for."""
        try:
            run = self._run_of(trial)
            state, loss = await self._train(member, trial, run)
        except DoesNotFit as error:
            self._refuse(member, trial, error)
        except (InvalidValue, BadShape) as error:
            self._end(trial, TrialState.FAILED, reason=str(error))
        except NotFinite:
            self._end(trial, TrialState.COMPLETE, math.inf)
        else:
            if state is TrialState.COMPLETE and loss is None:
                reason = "It is trained, but the losses of its last steps are nowhere any more."
                self._end(trial, TrialState.FAILED, reason=reason)
            elif state is not None:
                self._end(trial, state, loss)

    def _refuse(self, member: Member, trial: Trial, error: DoesNotFit) -> None:
        refused = self._refused.setdefault(trial.number, set())
        refused.add(member.name)
        if refused >= self._usable:
            self._end(trial, TrialState.FAILED, reason=str(error))
        else:
            self._waiting.append(trial)
            self._wake()

    def _fail_refused(self) -> None:
        """Ends the trials that only boards could take which are lost."""
        for trial in self._waiting:
            self._end(trial, TrialState.FAILED, reason="It fits no board that is left.")
        self._waiting.clear()

    def _run_ids_of(self, trials: Sequence[Trial]) -> set[int]:
        """Of those whose last steps a board may have and no folder."""
        found = set()
        for trial in trials:
            if trial.state is TrialState.RUNNING or trial.loss == math.inf:
                with contextlib.suppress(UgptError):
                    found.add(self._run_again(trial).config.run_id)
        return found

    def _run_of(self, trial: Trial) -> Run:
        """Its folder, made when a board has taken the model. Raises InvalidValue, RunError."""
        path = trial_folder(self._folder, trial.number)
        if path.exists():
            return self._run_again(trial)
        return self._new_run(trial, path)

    def _run_again(self, trial: Trial) -> Run:
        """That of its folder. Raises InvalidValue, or RunError if the folder holds another."""
        path = trial_folder(self._folder, trial.number)
        try:
            run = Run.open(path)
            wanted = self._new_run(trial).config
            if differing := [
                name for name in _DECISIVE if getattr(run.config, name) != getattr(wanted, name)
            ]:
                what = ", ".join(differing)
                raise RunError(f"{path} is not the run of trial {trial.number}: another {what}.")
        except RunError as error:
            advice = "Restore it, or remove the folder: then the trial is done again."
            raise RunError(error.message, advice) from None
        return run

    def _new_run(self, trial: Trial, path: Path | None = None) -> Run:
        """Raises InvalidValue for values that do not go together."""
        settings, dataset = self._plan.settings.varied(trial.values), self._dataset
        holdout, documents = self._plan.holdout, len(dataset.documents)
        return new_run(
            dataset,
            settings.shape(dataset.vocabulary.size),
            settings.recipe(),
            path=path,
            seed=settings.seed,
            evaluation=evaluation(holdout, None, None, documents, settings.steps),
        )

    async def _train(
        self, member: Member, trial: Trial, run: Run
    ) -> tuple[TrialState | None, float | None]:
        """How the trial ended, and its loss; no state if it was stopped and will go on."""
        watch = _Watch(self, member.name, trial, run)
        self._run_ids.add(run.config.run_id)
        session = Session(
            run,
            self._dataset,
            watch.hear,
            may_move=True,
            may_overwrite=self._may_overwrite and member.name not in self._begun,
            expendable=self._run_ids,
        )
        training = Training(self._targets[member.name].connect, session)
        watch.training = self._running[member.name] = training
        self._study.assign(trial.number, member.name)
        self.emit(TrialStarted(trial, member.name, run.metrics.step, run.config.recipe.total_steps))
        try:
            outcome = await training.run()
        finally:
            del self._running[member.name]
            if training.placed:
                self._begun.add(member.name)
            self._wake()
        if watch.pruned:
            return TrialState.PRUNED, None
        if outcome is not Outcome.FINISHED:
            return None, None
        return TrialState.COMPLETE, objective(run, run.config.recipe.total_steps)

    def report(self, trial: Trial, part: int, loss: float) -> bool:
        """Whether a trial with this loss after `part` twentieths of its steps should end."""
        return self._study.report(trial.number, part, loss)

    def is_news(self, board: str, text: str) -> bool:
        """Whether no trial on this board has said so yet."""
        said = (board, text) in self._said
        self._said.add((board, text))
        return not said

    def _end(
        self, trial: Trial, state: TrialState, loss: float | None = None, reason: str = ""
    ) -> None:
        self._study.tell(trial.number, state, loss, reason)
        ended = next(each for each in self._study.trials() if each.number == trial.number)
        self.emit(TrialEnded(ended))
        self._wake()

    # Waiting

    def _wake(self) -> None:
        self._changed.set()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class _Watch:
    """Hears of a trial's run: tells of its progress and of what one should know, and stops it if
    it is worse than others."""

    def __init__(self, conductor: Conductor, board: str, trial: Trial, run: Run) -> None:
        self.training: Training | None = None
        self.pruned = False
        self._conductor = conductor
        self._board = board
        self._trial = trial
        self._run = run
        self._reported = self._parts(run.metrics.step)

    def hear(self, event: Event) -> None:
        match event:
            case Progress():
                self._tell_progress(event)
            case Interrupted():
                self._note(f"{event.reason} Trying again.")
            case Notice() if self._conductor.is_news(self._board, event.text):
                self._note(event.text)
        while not self.pruned and self._reported < min(
            self._parts(self._run.metrics.step), REPORTS - 1
        ):
            self._reported += 1
            self._report(self._reported)

    def _note(self, text: str) -> None:
        self._conductor.emit(Notice(f"Trial {self._trial.number} on {self._board}: {text}"))

    def _tell_progress(self, event: Progress) -> None:
        self._conductor.emit(
            TrialProgress(
                self._trial.number,
                self._board,
                event.step,
                event.total_steps,
                objective(self._run, event.step),
                event.steps_per_s,
            )
        )

    def _parts(self, step: int) -> int:
        """How many twentieths of the run are done."""
        return step * REPORTS // self._run.config.recipe.total_steps

    def _report(self, part: int) -> None:
        """Trials are compared where each has done the same part of its own steps."""
        total_steps = self._run.config.recipe.total_steps
        loss = objective(self._run, -(-part * total_steps // REPORTS))
        if loss is None:
            return
        self.pruned = self._conductor.report(self._trial, part, loss)
        if self.pruned and self.training is not None:
            self.training.request_stop()


def objective(run: Run, step: int) -> float | None:
    """What a sweep makes small: the last validation loss if documents are held out, or else the
    mean loss of the last steps up to `step`. None if it is not known; infinite if it is no number.
    """
    if run.config.validation_documents:
        known = [at for at in run.metrics.val_losses if at <= step]
        loss = run.metrics.val_losses[max(known)] if known else None
    else:
        last = np.array(run.metrics.losses[max(step - MEAN_STEPS, 0) : step], dtype=np.float64)
        loss = float(np.mean(last[~np.isnan(last)])) if (~np.isnan(last)).any() else None
    return math.inf if loss is not None and not math.isfinite(loss) else loss

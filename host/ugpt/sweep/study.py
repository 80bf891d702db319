"""The trials of a sweep as an Optuna study, kept in a SQLite file in the sweep's folder."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, Self

from ..fleet.extras import require_extra
from ..runs.errors import DiskFull, RunError
from ..runs.files import write_error
from .axes import Axis, Choices, Value, combinations
from .plan import Sampler, SweepPlan

FILE = "study.db"
NAME = "ugpt"
"""Of the study in the file, for Optuna's dashboard and other programs."""

_PLAN = "plan"
_BOARD, _REASON = "board", "reason"
REPORTS = 20
"""Parts of a trial after which it may be found to be worse than the others."""
_STARTUP_TRIALS = 4  # are never pruned: a median of fewer says little
_WARMUP_REPORTS = 4  # nor is any so early: curves cross there


class TrialState(StrEnum):
    """How far a trial is."""

    RUNNING = "unfinished"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """One choice of values."""

    number: int
    values: dict[str, Value]
    state: TrialState = TrialState.RUNNING
    loss: float | None = None
    """The lower, the better; of a pruned one the last that was known."""
    board: str = ""
    """The last that has trained it."""
    reason: str = ""
    """Why it failed."""


class SweepStudy:
    """What Optuna does for a sweep. All of it is quick, so that an event loop may call it."""

    def __init__(self, folder: Path, plan: SweepPlan, study: Any) -> None:
        self._optuna = _optuna()
        self._plan = plan
        self._study = study
        self._folder = folder
        self._asked: dict[int, Any] = {}

    @classmethod
    def create(cls, folder: Path, plan: SweepPlan) -> Self:
        """A new study, in the place of one that was not whole. Raises FleetError without Optuna,
        RunError.

        The file has its name when the study in it is whole, so that a kill leaves no part of one.
        """
        optuna = _optuna()
        new = folder / f".{FILE}.new"
        try:
            new.unlink(missing_ok=True)
            with _stored(folder):
                storage = _storage(optuna, new)
                study = optuna.create_study(study_name=NAME, storage=storage, direction="minimize")
                study.set_user_attr(_PLAN, _fingerprint(plan))
                storage.remove_session()
                storage.engine.dispose()
            new.replace(folder / FILE)
        except OSError as error:
            raise write_error(folder / FILE, error) from None
        return cls.open(folder, plan)

    @classmethod
    def open(cls, folder: Path, plan: SweepPlan) -> Self:
        """The study that is there. Raises RunError if there is none, or that of another plan."""
        optuna = _optuna()
        has_trials = any(folder.glob("trial-*"))
        if not (folder / FILE).is_file():
            if has_trials:
                raise RunError(f"{folder} has lost its study: there is no {FILE} in it.", _RESTORE)
            return cls.create(folder, plan)  # it was killed before it had made one
        with _stored(folder):
            storage = _storage(optuna, folder / FILE)
            names = [each.study_name for each in storage.get_all_studies()]
            if not names and not has_trials:
                return cls.create(folder, plan)
            if NAME not in names:
                raise RunError(f"{folder / FILE} holds another study than this sweep's.", _RESTORE)
            study = optuna.load_study(
                study_name=NAME, storage=storage, pruner=_pruner(optuna, plan)
            )
            if _PLAN not in study.user_attrs and not has_trials:
                return cls.create(folder, plan)
            if study.user_attrs.get(_PLAN) != _fingerprint(plan):
                raise RunError(f"{folder / FILE} holds the study of another sweep.", _RESTORE)
            # Another seed than the first time, which would choose the same values again.
            study.sampler = _sampler(optuna, plan, len(study.get_trials(deepcopy=False)))
        return cls(folder, plan, study)

    def ask(self) -> Trial | None:
        """The next trial; None if there are as many as were asked for."""
        states = self._optuna.trial.TrialState
        with _stored(self._folder):
            made = self._study.get_trials(deepcopy=False)
            waiting = sum(each.state is states.WAITING for each in made)
            if len(made) - waiting >= self._plan.trials:
                return None
            if self._plan.sampler is Sampler.GRID and not waiting:
                # One by one, as each takes the database some time.
                self._study.enqueue_trial(
                    next(islice(combinations(self._plan.axes), len(made), None))
                )
            return self._adopted(self._study.ask(_distributions(self._optuna, self._plan.axes)))

    def unfinished(self) -> list[Trial]:
        """Trials that were begun before, by a program that has ended."""
        running = self._optuna.trial.TrialState.RUNNING
        with _stored(self._folder):
            found = self._study.get_trials(deepcopy=False, states=(running,))
            return [self._taken_up(each._trial_id) for each in found]

    def report(self, number: int, part: int, loss: float) -> bool:
        """Tells of the loss after `part` of REPORTS; returns whether the trial should end there."""
        if not self._plan.prune:
            return False
        trial = self._asked[number]
        with _stored(self._folder):
            trial.report(loss, part)
            return bool(trial.should_prune())

    def assign(self, number: int, board: str) -> None:
        with _stored(self._folder):
            self._asked[number].set_user_attr(_BOARD, board)

    def tell(
        self, number: int, state: TrialState, loss: float | None = None, reason: str = ""
    ) -> None:
        """Ends a trial. A loss is that of a complete one."""
        states = self._optuna.trial.TrialState
        ended = {
            TrialState.COMPLETE: states.COMPLETE,
            TrialState.PRUNED: states.PRUNED,
            TrialState.FAILED: states.FAIL,
        }[state]
        trial = self._asked.pop(number)
        with _stored(self._folder):
            if reason:
                trial.set_user_attr(_REASON, reason)
            self._study.tell(trial, loss, ended)

    def trials(self) -> list[Trial]:
        """All that were begun, in order."""
        waiting = self._optuna.trial.TrialState.WAITING
        with _stored(self._folder):
            found = self._study.get_trials(deepcopy=False)
            return [self._described(each) for each in found if each.state is not waiting]

    def _taken_up(self, trial_id: int) -> Trial:
        trial = self._optuna.trial.Trial(self._study, trial_id)
        for name, distribution in _distributions(self._optuna, self._plan.axes).items():
            trial._suggest(name, distribution)  # one that was killed early may lack some
        return self._adopted(trial)

    def _adopted(self, trial: Any) -> Trial:
        self._asked[trial.number] = trial
        return Trial(trial.number, dict(trial.params))

    def _described(self, frozen: Any) -> Trial:
        states = self._optuna.trial.TrialState
        state = {
            states.RUNNING: TrialState.RUNNING,
            states.COMPLETE: TrialState.COMPLETE,
            states.PRUNED: TrialState.PRUNED,
            states.FAIL: TrialState.FAILED,
        }[frozen.state]
        attributes = frozen.user_attrs
        return Trial(
            frozen.number,
            dict(frozen.params),
            state,
            frozen.value,
            attributes.get(_BOARD, ""),
            attributes.get(_REASON, ""),
        )


def _optuna() -> Any:
    """Raises FleetError if it is not installed."""
    require_extra("optuna", "ugpt sweep")
    import optuna

    return optuna


_RESTORE = "Restore the file, or begin a new sweep."


def _storage(optuna: Any, file: Path) -> Any:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # The file is opened here, as a URL would give signs of its name a meaning.
    return optuna.storages.RDBStorage(
        "sqlite:///study.db",
        engine_kwargs={
            "creator": lambda: sqlite3.connect(file, timeout=10.0, check_same_thread=False)
        },
    )


def _sampler(optuna: Any, plan: SweepPlan, seed: int) -> Any:
    samplers = optuna.samplers
    if plan.sampler is Sampler.TPE:
        # Trials that still run count as bad, so that boards do not try the same side by side.
        return samplers.TPESampler(seed=seed, constant_liar=True)
    return samplers.RandomSampler(seed=seed)


def _pruner(optuna: Any, plan: SweepPlan) -> Any:
    if not plan.prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(
        n_startup_trials=_STARTUP_TRIALS, n_warmup_steps=_WARMUP_REPORTS
    )


def _distributions(optuna: Any, axes: tuple[Axis, ...]) -> dict[str, Any]:
    distributions = optuna.distributions
    made: dict[str, Any] = {}
    for axis in axes:
        if isinstance(axis, Choices):
            made[axis.name] = distributions.CategoricalDistribution(axis.values)
        elif axis.is_whole:
            made[axis.name] = distributions.IntDistribution(axis.low, axis.high, log=axis.log)
        else:
            made[axis.name] = distributions.FloatDistribution(axis.low, axis.high, log=axis.log)
    return made


def _fingerprint(plan: SweepPlan) -> str:
    """Of what makes trials comparable; how many there are may change."""
    decisive = (
        plan.data_sha256,
        sorted(map(str, plan.axes)),
        plan.settings,
        plan.reading,
        plan.holdout,
    )
    return hashlib.sha256(repr(decisive).encode()).hexdigest()


@contextlib.contextmanager
def _stored(folder: Path) -> Iterator[None]:
    """What Optuna and its database say of the file, as one sentence."""
    try:
        yield
    except Exception as error:
        # Optuna checks little of what it reads: a damaged value shows as one of the others.
        packages = type(error).__module__.startswith(("sqlalchemy", "sqlite3", "optuna", "alembic"))
        if not packages and not isinstance(error, AssertionError | LookupError | ValueError):
            raise
        cause = getattr(error, "orig", None) or error.__cause__ or error
        cause = getattr(cause, "orig", None) or cause  # Optuna wraps what SQLAlchemy has wrapped
        said = str(cause) or "it holds values that are none"
        reason = said.splitlines()[0].rstrip(".")
        message = f"{folder / FILE} cannot be used: {reason}."
        match getattr(cause, "sqlite_errorname", "").split("_")[:2]:
            case ["SQLITE", "FULL"]:
                raise DiskFull(message, "Make room, then resume the sweep.") from None
            case ["SQLITE", "READONLY" | "CANTOPEN" | "IOERR"]:
                raise RunError(message, "Check the folder.") from None
        raise RunError(message, _RESTORE) from None

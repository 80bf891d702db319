"""What happens in a sweep, as values: the conductor tells, displays listen."""

from __future__ import annotations

from dataclasses import dataclass

from ..training.events import Event
from .study import Trial


@dataclass(frozen=True)
class SweepStarted(Event):
    """The boards that take part, and what is done already of a sweep that goes on."""

    folder: str
    trials: int
    boards: tuple[str, ...]
    done: tuple[Trial, ...] = ()


@dataclass(frozen=True)
class TrialStarted(Event):
    """A board begins with a trial, or goes on with one that another has begun."""

    trial: Trial
    board: str
    step: int
    total_steps: int


@dataclass(frozen=True)
class TrialProgress(Event):
    """How far a board is."""

    number: int
    board: str
    step: int
    total_steps: int
    loss: float | None
    steps_per_s: float


@dataclass(frozen=True)
class TrialEnded(Event):
    """It is complete, pruned or failed; its state says which."""

    trial: Trial


@dataclass(frozen=True)
class BoardLost(Event):
    """A board cannot go on; the trial that it had, if any, goes to another."""

    board: str
    reason: str
    number: int | None = None


@dataclass(frozen=True)
class BoardBack(Event):
    """A board that was lost answers again."""

    board: str


@dataclass(frozen=True)
class SweepEnded(Event):
    """No trial is left, or the sweep was stopped: then it can go on."""

    trials: tuple[Trial, ...]
    stopped: bool

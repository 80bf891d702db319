"""What happens in a joint run, beyond what happens in any run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..training.events import Event


@dataclass(frozen=True)
class JointStarted(Event):
    """Training begins, or goes on, after `step` completed steps."""

    run: Path
    data: Path
    documents: int
    boards: Sequence[str]
    workers: int
    sync: int
    parameters: int
    step: int
    total_steps: int
    resumed: bool


@dataclass(frozen=True)
class BoardJoined(Event):
    """A board takes part from now on."""

    board: str


@dataclass(frozen=True)
class BoardLeft(Event):
    """A board is gone; others do its tasks."""

    board: str


@dataclass(frozen=True)
class BoardTakenOut(Event):
    """A board does not take part any more."""

    board: str
    reason: str


@dataclass(frozen=True)
class PartDone(Event):
    """A worker has come to the end of the round, on some board."""

    round: int
    worker: int
    board: str


@dataclass(frozen=True)
class RoundDone(Event):
    """The workers have been averaged. The three times are means over the boards, and add up."""

    round: int
    rounds: int
    step: int
    total_steps: int
    loss: float
    """The mean over the workers and the steps of the round."""
    boards: int
    round_s: float
    compute_s: float
    wire_s: float
    wait_s: float
    """In which a board had nothing to do, or the host prepared it."""
    verified: int
    """Parts that a second board has done as well."""

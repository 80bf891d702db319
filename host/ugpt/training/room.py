"""A run goes on while its disk is full, and its folder catches up later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

from ..runs.errors import DiskFull, RunError
from ..runs.metrics import Metrics
from ..wording import counted
from .events import Notice, OnEvent


class Part(Enum):
    """What of a run folder there may be no room for."""

    LOSSES = 1
    CHECKPOINT = 2
    COSTS = 3


def tell_restored(metrics: Metrics, emit: OnEvent) -> None:
    """What somebody had taken out of the file of the losses, and was put back."""
    if restored := metrics.newly_restored():
        lost = counted(restored, "loss", "losses")
        emit(Notice(f"Another program had removed {lost} from metrics.jsonl; ugpt put them back."))


def record_told(
    metrics: Metrics, first: int, losses: Sequence[float], tokens: Sequence[int], emit: OnEvent
) -> None:
    """Records the losses of consecutive steps, and tells what was wrong with the file."""
    changed = metrics.record(first, losses, tokens)
    if changed is not None:
        emit(Notice(f"Step {changed:,} gave another loss than the first time."))
    tell_restored(metrics, emit)


class DiskRoom:
    """Tells once that the disk is full, and once that there is room again for all parts."""

    def __init__(self, emit: OnEvent, memory: str) -> None:
        """`memory` is what the run goes on in meanwhile, such as `the memory of the board`."""
        self._emit = emit
        self._memory = memory
        self._missing: set[Part] = set()

    @contextmanager
    def awaited(self, part: Part) -> Iterator[None]:
        """A block that writes a part, and ends early if there is no room for it."""
        try:
            yield
        except DiskFull as error:
            if not self._missing:
                remedy = error.advice.partition(",")[0]
                text = f"{error.message} The run goes on in {self._memory}. {remedy}."
                self._emit(Notice(text))
            self._missing.add(part)
        else:
            if self._missing == {part}:
                self._emit(Notice("There is room again, and nothing is missing."))
            self._missing.discard(part)

    def record(
        self, metrics: Metrics, first: int, losses: Sequence[float], tokens: Sequence[int]
    ) -> None:
        """Keeps the losses of consecutive steps, in memory as long as the disk is full."""
        with self.awaited(Part.LOSSES):
            try:
                record_told(metrics, first, losses, tokens, self._emit)
            except DiskFull as error:
                if metrics.step < first + len(losses) - 1:  # the memory does not hold all
                    raise RunError(error.message, error.advice) from None
                raise

    def record_validation(self, metrics: Metrics, val_loss: float) -> None:
        """The same of the validation loss after the last step."""
        with self.awaited(Part.LOSSES):
            metrics.record_validation(val_loss)

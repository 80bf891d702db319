"""The loss of a model on documents that it is not trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..data.dataset import positions_of
from ..device.client import Device
from ..runs.kept_checkpoints import best_step
from .events import Evaluated, Notice
from .room import DiskRoom
from .session import Session


class Validation:
    """Evaluates the model of a run on documents held out, after steps that the run decides.

    It is the same documents every time: the first of those held out, in the order of the seed.
    """

    def __init__(self, session: Session, room: DiskRoom) -> None:
        config = session.run.config
        texts = session.split.validation[: config.eval_documents]
        self.documents = tuple(session.encode(text) for text in texts)
        """As a device takes them."""
        self._positions: list[int] = positions_of(texts, config.shape.block_size).tolist()
        self._room = room
        self._run = session.run
        self._emit = session.emit

    async def after(self, device: Device, step: int) -> bool:
        """Evaluates a device that stands after `step`, if that is due and has not been done.

        Returns whether it did, and the loss is the lowest of the run so far.
        """
        if not self.is_due(step):
            return False
        self.record(step, (await device.evaluate(self.documents)).losses)
        val_losses = self._run.metrics.val_losses
        return best_step(list(val_losses), val_losses) == step

    def is_due(self, step: int) -> bool:
        """Whether the model after `step` is to be evaluated and has not been."""
        metrics = self._run.metrics
        if not self._run.config.evaluates_after(step) or step in metrics.val_losses:
            return False
        # Not a step that is being repeated, or one that nobody watched.
        return step == metrics.step and not math.isnan(metrics.losses[step - 1])

    def record(self, step: int, losses: Sequence[float]) -> None:
        """Keeps and tells what the model after `step` lost on each of the documents."""
        val_loss = self._mean(losses)
        self._room.record_validation(self._run.metrics, val_loss)
        self._emit(Evaluated(step, val_loss, len(self.documents)))

    async def now(self, device: Device, step: int) -> None:
        """Evaluates because somebody asked for it; the run folder stays that of any other run."""
        if not self.documents:
            self._emit(
                Notice("Nothing is held out to evaluate; train with --holdout 10% for that.")
            )
            return
        losses = (await device.evaluate(self.documents)).losses
        self._emit(Evaluated(step, self._mean(losses), len(self.documents)))

    def _mean(self, losses: Sequence[float]) -> float:
        """Over all positions."""
        weighted = (loss * count for loss, count in zip(losses, self._positions, strict=True))
        return math.fsum(weighted) / sum(self._positions)

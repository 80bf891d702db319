"""The loss of a model on documents that it is not trained on."""

from __future__ import annotations

import math

from ..data.dataset import positions_of
from ..device.client import Device
from ..runs.kept_checkpoints import best_step
from .events import Evaluated, Notice
from .session import Session


class Validation:
    """Evaluates the model of a run on documents held out, after steps that the run decides.

    It is the same documents every time: the first of those held out, in the order of the seed.
    """

    def __init__(self, session: Session) -> None:
        config = session.run.config
        texts = session.split.validation[: config.eval_documents]
        self._documents = [session.encode(text) for text in texts]
        self._positions: list[int] = positions_of(texts, config.shape.block_size).tolist()
        self._run = session.run
        self._emit = session.emit

    async def after(self, device: Device, step: int) -> bool:
        """Evaluates a device that stands after `step`, if that is due and has not been done.

        Returns whether it did, and the loss is the lowest of the run so far.
        """
        metrics = self._run.metrics
        if not self._run.config.evaluates_after(step) or step in metrics.val_losses:
            return False
        if step != metrics.step or math.isnan(metrics.losses[step - 1]):
            return False  # a step that is being repeated, or one that nobody watched
        val_loss = await self._evaluate(device)
        metrics.record_validation(val_loss)
        self._emit(Evaluated(step, val_loss, len(self._documents)))
        return best_step(list(metrics.val_losses), metrics.val_losses) == step

    async def now(self, device: Device, step: int) -> None:
        """Evaluates because somebody asked for it; the run folder stays that of any other run."""
        if not self._documents:
            self._emit(
                Notice("Nothing is held out to evaluate; train with --holdout 10% for that.")
            )
            return
        self._emit(Evaluated(step, await self._evaluate(device), len(self._documents)))

    async def _evaluate(self, device: Device) -> float:
        losses = (await device.evaluate(self._documents)).losses
        weighted = (loss * count for loss, count in zip(losses, self._positions, strict=True))
        return math.fsum(weighted) / sum(self._positions)

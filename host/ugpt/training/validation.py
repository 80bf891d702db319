"""The loss of a model on documents that it is not trained on."""

from __future__ import annotations

import math

from ..data.dataset import Dataset, positions, split_documents
from ..device.client import Device
from ..device.tensors import encode_tokens
from ..runs.folder import Run
from .events import OnEvent, Validated


class Validation:
    """Evaluates the model of a run on documents held out, after steps that the run decides.

    It is the same documents every time: the first of those held out, in the order of the seed.
    """

    def __init__(self, run: Run, dataset: Dataset, emit: OnEvent) -> None:
        config = run.config
        held_out = split_documents(dataset.documents, config.seed, config.held_out).held_out
        texts = held_out[: config.eval_documents]
        block_size = config.shape.block_size
        vocabulary = dataset.vocabulary
        self._documents = [
            encode_tokens(vocabulary.encode(text[:block_size]), vocabulary.size) for text in texts
        ]
        self._positions = [positions(text, block_size) for text in texts]
        self._run = run
        self._emit = emit

    async def after(self, device: Device, step: int) -> None:
        """Evaluates a device that stands after `step`, where that is due and has not been done."""
        metrics = self._run.metrics
        if not self._run.config.evaluates_after(step) or step in metrics.val_losses:
            return
        if step != metrics.step or math.isnan(metrics.losses[step - 1]):
            return  # a step that is being repeated, or one that nobody watched
        losses = (await device.evaluate(self._documents)).losses
        weighted = (loss * count for loss, count in zip(losses, self._positions, strict=True))
        val_loss = math.fsum(weighted) / sum(self._positions)
        metrics.record_validation(val_loss)
        self._emit(Validated(step, val_loss, len(self._documents)))

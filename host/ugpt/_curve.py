"""Losses of steps that a board ran by itself."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

from .client import Device
from .data import Dataset, training_order
from .events import StepLosses
from .runs import Run


class TokenCounts:
    """How many positions each step of a run trains."""

    def __init__(self, run: Run, dataset: Dataset) -> None:
        order = training_order(dataset.documents, random.Random(run.config.seed))
        block_size = run.config.shape.block_size
        self._counts = [min(len(text) + 1, block_size) for text in order]

    def of(self, first: int, count: int) -> list[int]:
        """Of `count` steps from `first` (1-based) on."""
        every = self._counts
        return [every[step % len(every)] for step in range(first - 1, first - 1 + count)]


async def pull_curve(device: Device, run: Run, tokens: TokenCounts) -> AsyncIterator[StepLosses]:
    """Records the losses that the board has kept in flash and the run folder lacks."""
    while True:
        first = run.metrics.step + 1
        losses = await device.curve(first)
        if not losses:
            return
        counts = tokens.of(first, len(losses))
        run.metrics.record(first, losses, counts)
        yield StepLosses(first, losses, counts)

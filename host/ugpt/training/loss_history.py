"""Losses of steps that a board ran by itself."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import numpy as np

from ..data.dataset import positions_of
from ..device.client import Device
from ..rpc.errors import ProtocolError
from ..runs.folder import Run
from ..runs.metrics import STEPS_MAX
from .claims import require_losses
from .events import StepLosses


class TokenCounts:
    """How many positions each step of a run trains."""

    def __init__(self, documents: Sequence[str], block_size: int, batch: int) -> None:
        """`documents` are in training order."""
        self._batch = batch
        counts = positions_of(documents, block_size)
        most = len(counts) * block_size
        self._sums = np.cumsum(counts, dtype=np.dtype(np.uint32 if most < 2**32 else np.uint64))

    def of(self, first: int, count: int) -> list[int]:
        """Of `count` steps from `first` (1-based) on."""
        ends = [self._before(step) for step in range(first - 1, first + count)]
        return [end - start for start, end in pairwise(ends)]

    def _before(self, step: int) -> int:
        """Positions trained in the first `step` steps."""
        rounds, rest = divmod(step * self._batch, len(self._sums))
        return rounds * int(self._sums[-1]) + (int(self._sums[rest - 1]) if rest else 0)


async def pull_held_losses(device: Device, run: Run, tokens: TokenCounts, step: int) -> None:
    """Records the losses up to `step` that the device holds in memory and the folder lacks."""
    while (first := run.metrics.step + 1) <= step:
        held = await device.losses(first)
        if not held.values or held.first > first:
            return
        steps = range(held.first, held.first + len(held.values))
        require_losses(steps, held.values, run.config.recipe.total_steps)
        run.metrics.record(held.first, held.values, tokens.of(held.first, len(held.values)))


async def pull_loss_history(
    device: Device, run: Run, tokens: TokenCounts, held_from: int = STEPS_MAX + 1
) -> AsyncIterator[StepLosses]:
    """Records the losses that the board has kept in flash and the run folder lacks.

    Those of steps from `held_from` on are still in its memory, where none is left out.

    Those of steps that it has left out, as the curve became long, are no numbers.
    """
    while True:
        first = run.metrics.step + 1
        kept = await device.loss_history(first)
        if not kept.values:
            return
        if kept.first < first or kept.stride < 1:
            raise ProtocolError(
                f"The device sent losses from step {kept.first:,} on instead of step {first:,}."
            )
        steps = range(kept.first, held_from, kept.stride)[: len(kept.values)]
        if not steps:
            return
        require_losses(steps, kept.values[: len(steps)], run.config.recipe.total_steps)
        losses = [math.nan] * (steps[-1] + 1 - first)
        losses[kept.first - first :: kept.stride] = kept.values[: len(steps)]
        counts = tokens.of(first, len(losses))
        run.metrics.record(first, losses, counts)
        yield StepLosses(first, losses, counts)

"""What happens now and then while a device trains: figures and previews."""

from __future__ import annotations

import math
import time

from ..device.client import Device
from .events import Preview
from .sampling import sample_texts
from .session import Session
from .throughput import Throughput

_PREVIEWS = 10
_PREVIEW_TEXTS = 5
_PROGRESS_PERIOD_S = 0.2


class ProgressReporter:
    """Tells of a run that `metrics.jsonl` follows from step `step` on."""

    def __init__(self, device: Device, session: Session, step: int, throughput: Throughput) -> None:
        self._device = device
        self._run = session.run
        self._throughput = throughput
        self._emit = session.emit
        self._reported_s = 0.0
        self._preview_steps = max(session.total_steps // _PREVIEWS, 1)
        self._previewed = step // self._preview_steps

    async def after_each(self, step: int) -> None:
        """To be called often, with the steps whose losses are known."""
        if time.monotonic() - self._reported_s >= _PROGRESS_PERIOD_S:
            self.report(step)
        due = step // self._preview_steps
        if due > self._previewed:
            self._previewed = due
            await self._preview(step, due * _PREVIEW_TEXTS)

    def report(self, step: int) -> None:
        """Tells how fast it goes."""
        loss = self._run.metrics.losses[step - 1] if step else math.nan
        self._emit(self._throughput.read(step, loss if math.isfinite(loss) else None))
        self._reported_s = time.monotonic()

    async def _preview(self, step: int, first: int) -> None:
        """Draws a few texts between two training steps; the training does not notice."""
        seed = self._run.config.seed
        texts = sample_texts(self._device, _PREVIEW_TEXTS, seed=seed, first=first)
        self._emit(Preview(step, [text.text async for text in texts]))

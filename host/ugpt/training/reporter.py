"""What happens now and then while a device trains: figures, and pages of a diary."""

from __future__ import annotations

import math
import time

from ..device.client import Device
from ..rpc.messages import Status
from .events import Preview
from .letters import Letters
from .sampling import sample_texts
from .schedule import learning_rate
from .session import Session
from .throughput import Throughput

_PAGES = 10  # in a run, beside those of the powers of ten
_PAGE_TEXTS = 8
_ASKED_FIRST = 1000  # number of the first text that was asked for: others than those of the pages
_PROGRESS_PERIOD_S = 0.2


def page_after(step: int, total_steps: int) -> int:
    """The first step after `step` at which the diary gets a page: 10, 100.., and every tenth."""
    every = max(total_steps // _PAGES, 1)
    power: int = 10 ** len(str(step))
    return min((step // every + 1) * every, power)


class ProgressReporter:
    """Tells of a run that `metrics.jsonl` follows from step `step` on."""

    def __init__(self, device: Device, session: Session, step: int, throughput: Throughput) -> None:
        self._device = device
        self._session = session
        self._throughput = throughput
        self._letters: Letters | None = None
        self._reported_s = 0.0
        self._asked = _ASKED_FIRST
        self.next_page = step
        """The step of the next page of the diary; the first one comes at once."""

    def after_each(self, step: int, status: Status) -> None:
        """To be called often, with the steps whose losses are known."""
        if time.monotonic() - self._reported_s >= _PROGRESS_PERIOD_S:
            self.report(step, status)

    def report(self, step: int, status: Status) -> None:
        """Tells how fast it goes, and how the device is."""
        config = self._session.run.config
        loss = self._session.run.metrics.losses[step - 1] if step else math.nan
        self._session.emit(
            self._throughput.read(
                step,
                loss if math.isfinite(loss) else None,
                status,
                learning_rate(config.recipe, step),
            )
        )
        self._reported_s = time.monotonic()

    async def keep_diary(self, step: int) -> None:
        """Writes a page if one is due; the training does not notice."""
        if step >= self.next_page:
            self.next_page = page_after(step, self._session.total_steps)
            await self._preview(step, 0)

    async def sample_now(self, step: int) -> None:
        """Writes a page because somebody asked for it, with other texts each time."""
        await self._preview(step, self._asked)
        self._asked += _PAGE_TEXTS

    async def measure_letters(self, step: int) -> None:
        """Tells how well each character is predicted."""
        if self._letters is None:
            self._letters = Letters(self._session)
        await self._letters.measure(self._device, step)

    async def _preview(self, step: int, first: int) -> None:
        seed = self._session.run.config.seed
        sampled = sample_texts(self._device, _PAGE_TEXTS, seed=seed, first=first)
        texts = [text.text async for text in sampled]
        known = self._session.known_texts
        looked_up = [text in known for text in texts] if known else []
        self._session.emit(Preview(step, texts, looked_up))

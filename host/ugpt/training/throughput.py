"""How fast a training run goes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ..device.client import Device
from ..rpc.messages import DeviceState, Status
from .events import Progress

_SPAN_S = 3.0
_LONGEST_S = 1.0  # between two looks of a host that is awake: it looks several times a second
_STANDING = {DeviceState.SAVING, DeviceState.IDLE}


@dataclass(frozen=True)
class _Mark:
    time_s: float
    working_s: float
    """Less what it stood still."""
    step: int
    tokens: int
    sent_bytes: int
    received_bytes: int


class Throughput:
    """Rates over the last seconds in which the device worked, of one connection."""

    def __init__(self, device: Device, step: int, total_steps: int, started_s: float) -> None:
        self._device = device
        self._total_steps = total_steps
        self._started_s = started_s
        self._tokens = 0
        self._still_s = 0.0  # in which the device did not work, or nobody looked
        self._looked = time.monotonic(), step
        self._marks = deque([self._mark(step)])

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Meanwhile the device saves, is read, or does something else than to train."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            now_s = time.monotonic()
            self._still_s += now_s - began_s
            self._looked = now_s, self._looked[1]

    def count(self, tokens: int) -> None:
        """Adds tokens that have been trained on."""
        self._tokens += tokens

    def read(self, step: int, loss: float | None, status: Status, learning_rate: float) -> Progress:
        """The state after `step` steps, the last of which had `loss`."""
        stats = self._device.stats
        saving = status.state is DeviceState.SAVING
        now_s, (looked_s, looked_step) = time.monotonic(), self._looked
        if now_s - looked_s > _LONGEST_S:  # such as of a host that was suspended
            self._leave_out(now_s - looked_s, step - looked_step)
        elif status.state in _STANDING and step == looked_step:  # paused, or it saves by itself
            self._still_s += now_s - looked_s
        self._looked = now_s, step
        now = self._mark(step)
        self._marks.append(now)
        while len(self._marks) > 2 and now.working_s - self._marks[1].working_s > _SPAN_S:
            self._marks.popleft()
        first = self._marks[0]
        span_s = max(now.time_s - first.time_s, 1e-6)
        working_s = max(now.working_s - first.working_s, 1e-6)
        steps_per_s = (now.step - first.step) / working_s
        return Progress(
            step=step,
            total_steps=self._total_steps,
            loss=loss,
            steps_per_s=steps_per_s,
            tokens_per_s=(now.tokens - first.tokens) / working_s,
            elapsed_s=now_s - self._started_s,
            left_s=(self._total_steps - step) / steps_per_s if steps_per_s > 0 else None,
            baud=stats.baud,
            sent_bytes_per_s=(now.sent_bytes - first.sent_bytes) / span_s,
            received_bytes_per_s=(now.received_bytes - first.received_bytes) / span_s,
            repeats=stats.repeats,
            lost=stats.lost,
            learning_rate=learning_rate,
            gradient_norm=status.gradient_norm,
            saved_step=status.saved_step,
            saving=saving,
            step_s=status.step_us / 1e6 or None,
            heap_free_bytes=status.heap_free_bytes or None,
            heap_least_free_bytes=status.heap_least_free_bytes or None,
            temperature_c=status.temperature_c,
        )

    def _leave_out(self, seconds: float, steps: int) -> None:
        """Nothing of the time since the last look counts, nor do the steps in it."""
        self._still_s += seconds
        tokens = self._tokens - self._marks[-1].tokens
        self._marks = deque(
            replace(mark, step=mark.step + steps, tokens=mark.tokens + tokens)
            for mark in self._marks
        )

    def _mark(self, step: int) -> _Mark:
        stats, now_s = self._device.stats, time.monotonic()
        working_s = now_s - self._still_s
        return _Mark(now_s, working_s, step, self._tokens, stats.bytes_sent, stats.bytes_received)

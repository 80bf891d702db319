"""What a device says of a run, held against what can be true. No run folder believes the rest."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from ..rpc.errors import NoAnswer, ProtocolError, device_error
from ..rpc.messages import ERRORS, DeviceState, Status

_WAITING_S = 120.0
_WORKING_S = 600.0
_LOOKS = 100  # of a device that was stopped meanwhile nobody has had so many


def require_sound(status: Status, total_steps: int) -> None:
    """Raises the error that has stopped the training, if one has, and what `require_step` does."""
    if status.error:
        text = ERRORS.get(status.error)
        reason = text.doc if text else f"error {status.error}."
        raise device_error(status.error, f"Training stopped after step {status.step:,}: {reason}")
    require_step(status, total_steps)


def require_step(status: Status, total_steps: int) -> None:
    """Raises ProtocolError for steps beyond the last one."""
    if status.step > total_steps:
        raise ProtocolError(
            f"The device says that it has completed {status.step:,} of {total_steps:,} steps."
        )


def require_losses(steps: range, losses: Sequence[float], total_steps: int) -> None:
    """Raises ProtocolError for losses that are no numbers or of steps beyond the last one."""
    if len(steps) and steps[-1] > total_steps:
        raise ProtocolError(
            f"The device sent the loss of step {steps[-1]:,}, but the run has {total_steps:,}."
        )
    for step, loss in zip(steps, losses, strict=True):
        if not math.isfinite(loss):
            raise ProtocolError(f"The device sent {loss} as the loss of step {step:,}.")


class Progress:
    """Notices a device that answers and has all that it needs, and gets nowhere."""

    def __init__(self) -> None:
        self._step = -1
        self._positions = -1
        self._since_s = 0.0
        self._looks = 0

    def seen(self, step: int, status: Status) -> None:
        """Raises NoAnswer when nothing has come of it for long."""
        now_s = asyncio.get_running_loop().time()
        if step > self._step or status.positions > self._positions:
            self._step = max(step, self._step)
            self._positions = max(status.positions, self._positions)
            self._since_s, self._looks = now_s, 0
        self._looks += 1
        works = status.state in (DeviceState.TRAINING, DeviceState.SAVING)
        limit_s = _WORKING_S if works else _WAITING_S
        if self._looks > _LOOKS and now_s - self._since_s > limit_s:
            raise NoAnswer(
                f"The device answers, but has stood after step {step:,} for "
                f"{now_s - self._since_s:.0f} seconds.",
                "Reset the board, then resume the run.",
            )

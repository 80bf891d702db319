"""Lines on which bytes are wrong, each way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ugpt.training.events import Event, Saved

from .disturbed import has_the_same_bits
from .noise import run_once
from .straight import SAVE_EVERY, STEPS
from .trials import Outcome, Trial


def noisy(byte_errors: float) -> Callable[[Trial], Outcome]:
    """A run over such a line ends by itself."""
    return lambda trial: asyncio.run(_train(trial, byte_errors))


async def _train(trial: Trial, byte_errors: float) -> Outcome:
    called_saved = 0

    def hear(event: Event) -> None:
        nonlocal called_saved
        if isinstance(event, Saved):
            called_saved = event.step

    ended = await run_once(trial.folder, byte_errors, trial.seed, STEPS, str(SAVE_EVERY), hear)
    if not ended.digest:
        return Outcome(finished=False, faults=(ended.reason,))
    same = has_the_same_bits(trial.folder / "run", trial.straight)
    return Outcome(finished=True, other_bits=not same, lost=called_saved != STEPS)

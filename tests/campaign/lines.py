"""Lines on which bytes are wrong, each way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.support.devices import listening_device
from tests.support.faults import NoisySide, proxy_of
from ugpt import Target, UgptError, train
from ugpt.training.events import Event, Saved

from .disturbed import has_the_same_bits
from .straight import SAVE_EVERY, STEPS
from .trials import Outcome, Trial

TIMEOUT_S = 300.0
_OTHER_WAY = 1_000_000
"""What the noise of the other direction adds to the seed."""


def noisy(byte_errors: float) -> Callable[[Trial], Outcome]:
    """A run over such a line ends by itself."""
    return lambda trial: asyncio.run(_train(trial, byte_errors))


async def _train(trial: Trial, byte_errors: float) -> Outcome:
    called_saved = 0

    def hear(event: Event) -> None:
        nonlocal called_saved
        if isinstance(event, Saved):
            called_saved = event.step

    seeds = trial.seed, trial.seed + _OTHER_WAY
    sides = NoisySide(byte_errors, seeds[0]), NoisySide(byte_errors, seeds[1])
    path, save_every = trial.folder / "R", str(SAVE_EVERY)
    async with (
        listening_device("socket", trial.folder / "flash") as port,
        proxy_of(port, sides) as line,
        asyncio.timeout(TIMEOUT_S),
    ):
        try:
            await train(
                "names", Target(line.address), path=path, steps=STEPS, save_every=save_every,
                on_event=hear,
            )  # fmt: skip
        except UgptError as error:
            return Outcome(finished=False, faults=(str(error),))
    return Outcome(True, not has_the_same_bits(path, trial.straight), called_saved != STEPS)

"""Devices that lie, from a seeded generator."""

from __future__ import annotations

import asyncio

from .lying import run_once
from .trials import Outcome, Trial


def lying(trial: Trial) -> Outcome:
    """A run on a liar ends, or is refused in a sentence; an honest device goes on with its folder.

    Bits are not compared: a lie about a weight that could be one is a weight.
    """
    ended = asyncio.run(run_once(trial.folder, trial.seed))
    if ended.wrong:
        return Outcome(finished=False, faults=(f"{ended.character}: {ended.wrong}",))
    return Outcome(finished=True)

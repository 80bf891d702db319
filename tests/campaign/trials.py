"""What a trial is, and what it comes to."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .straight import Straight


@dataclass(frozen=True)
class Outcome:
    """One run that was disturbed."""

    finished: bool
    other_bits: bool = False
    """Of a run that finished: its weights or losses are not those of the undisturbed one."""
    lost: bool = False
    """A step that had been called saved was not there when the run was taken up again."""
    faults: tuple[str, ...] = ()
    """What else went wrong, and why it did not finish."""

    @property
    def is_right(self) -> bool:
        return self.finished and not (self.other_bits or self.lost or self.faults)


@dataclass(frozen=True)
class Trial:
    """What a kind of trial is given. All that is random comes from `chance`."""

    folder: Path
    straight: Straight
    seed: int
    chance: random.Random


@dataclass(frozen=True)
class Kind:
    """A way to disturb runs."""

    name: str
    """For `--kind`."""
    title: str
    run: Callable[[Trial], Outcome]
    missing: Callable[[], str] = lambda: ""
    """What this computer lacks for it, if anything."""

"""The losses of a run at a glance: those of a file of usual length, and the end of a longer one."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .files import PartialFile, opened
from .metrics import STEPS_MAX, entries
from .smoothing import Floats, trailing_mean

MEAN_STEPS = 100
"""Over so many steps a loss is averaged: that of a single step says little."""

WHOLE_BYTES = 8_000_000
"""Of so many bytes, some 130,000 steps, a file is read whole: a list of runs is to be quick."""

_PLACES = 12
_PLACE_BYTES = 16384  # MEAN_STEPS entries take at most a half
_PROBE_BYTES = 1024  # has an entry in it
_NUMBER = rb"-?[\d.eE+-]{1,40}|-?Infinity|NaN"
_ENTRY = re.compile(
    rb'^\{"step": (\d{1,8}), "loss": (%(number)s), "tokens": \d{1,20}'
    rb'(?:, "val_loss": (%(number)s))?\}\n' % {b"number": _NUMBER},
    re.MULTILINE,
)


@dataclass(frozen=True)
class Glance:
    """What a look tells. Losses are means over MEAN_STEPS steps, or as many as there are."""

    step: int = 0
    """The last one."""
    loss: float | None = None
    best_loss: float | None = None
    """The lowest. Not known of a file of more than WHOLE_BYTES."""


def glance(path: Path) -> Glance:
    """Raises RunError if the file cannot be read; an absent one tells nothing."""
    try:
        with opened(path) as file:
            is_whole = file.size_bytes <= WHOLE_BYTES
            step, losses = _whole(file) if is_whole else _end(file)
    except FileNotFoundError:
        return Glance()
    if not len(losses):
        return Glance()
    means = mean_losses(losses)
    return Glance(step, _finite(float(means[-1])), lowest_mean(means) if is_whole else None)


def mean_losses(losses: Sequence[float] | Floats) -> Floats:
    """After each step the mean over the last MEAN_STEPS whose loss is a number."""
    known = np.asarray(losses, dtype=np.float64)
    return trailing_mean(np.where(np.isfinite(known), known, np.nan), MEAN_STEPS)


def lowest_mean(means: Floats) -> float | None:
    """The lowest over MEAN_STEPS whole steps, or the last one of fewer steps."""
    whole = means[MEAN_STEPS - 1 :] if len(means) >= MEAN_STEPS else means[-1:]
    return None if np.isnan(whole).all() else float(np.nanmin(whole))


def val_loss_at(path: Path, step: int) -> float | None:
    """The validation loss in the entry of `step`, which is looked for by halving."""
    try:
        with opened(path) as file:
            low, high = 0, file.size_bytes
            while high - low > _PROBE_BYTES:
                middle = (low + high) // 2
                found = _ENTRY.search(file.read(middle, _PROBE_BYTES))
                if found is not None and int(found[1]) <= step:
                    low = middle
                else:
                    high = middle
            for entry in _ENTRY.finditer(file.read(low, 3 * _PROBE_BYTES)):
                if int(entry[1]) == step and entry[3]:
                    return _finite(float(entry[3]))
    except (FileNotFoundError, ValueError):
        pass
    return None


def _whole(file: PartialFile) -> tuple[int, Floats]:
    """The last step, and the losses of all."""
    steps, losses = _read(file.read(0, file.size_bytes))
    return _by_step(steps, losses, 1)


def _end(file: PartialFile) -> tuple[int, Floats]:
    """The last step, and the losses up to it that a mean is made of.

    Should the end of the file be damaged, earlier places tell how far the run was there.
    """
    for number in range(_PLACES, 0, -1):
        place = file.read(file.size_bytes * number // _PLACES - _PLACE_BYTES, _PLACE_BYTES)
        _, _, lines = place.partition(b"\n")  # the first one is cut
        steps, losses = _read(lines)
        if steps:
            return _by_step(steps, losses, steps[0])
    return 0, np.empty(0)


def _by_step(steps: Sequence[int], losses: Sequence[float], first: int) -> tuple[int, Floats]:
    """The last step, and the losses of `first`.. with gaps where none is known."""
    if not steps:
        return 0, np.empty(0)
    filled = np.full(steps[-1] + 1 - first, np.nan)
    filled[np.asarray(steps) - first] = losses
    return steps[-1], filled


def _read(content: bytes) -> tuple[Sequence[int], Sequence[float]]:
    """The steps in ascending order, and their losses, as `Metrics.open` reads them."""
    found = _ENTRY.findall(content)
    try:
        steps = [int(step) for step, _, _ in found]
        losses = array("f", [float(loss) for _, loss, _ in found])
        is_sound = len(found) == content.count(b"\n") and _ascending(steps)
    except (ValueError, OverflowError):
        is_sound = False
    if is_sound:
        return steps, losses
    # Reading each line with json takes several times as long, and knows what to do with any.
    read = list(entries(content))
    return [entry.step for entry in read], [entry.loss for entry in read]


def _ascending(steps: Sequence[int]) -> bool:
    bounded = (0, *steps, STEPS_MAX + 1)
    return bool((np.diff(bounded) > 0).all())


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

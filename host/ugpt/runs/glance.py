"""The losses of a run at a glance: a few places of metrics.jsonl, however long it is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .files import PartialFile, opened
from .smoothing import Floats, trailing_mean

MEAN_STEPS = 100
"""Over so many steps a loss is averaged: that of a single step says little."""

_PLACES = 12
_PLACE_BYTES = 8192  # of which MEAN_STEPS entries take most
_PROBE_BYTES = 1024  # has an entry in it
_ENTRY = re.compile(
    rb'^\{"step": (\d{1,8}), "loss": ([^,}]+), "tokens": \d+(?:, "val_loss": ([^}]+))?\}\n',
    re.MULTILINE,
)


@dataclass(frozen=True)
class Glance:
    """What the places tell. Losses are means over MEAN_STEPS steps, or as many as there are."""

    step: int = 0
    """The last one."""
    loss: float | None = None
    best_loss: float | None = None
    """The lowest. Of a curve of more than some thousand steps, only places spread over it are
    looked at."""


@dataclass(frozen=True)
class _Piece:
    step: int
    means: tuple[float, float]
    """The last one, and the lowest."""


def glance(path: Path) -> Glance:
    """Raises RunError if the file cannot be read; an absent one tells nothing."""
    try:
        with opened(path) as file:
            pieces = [piece for content in _places(file) if (piece := _piece(content))]
    except FileNotFoundError:
        return Glance()
    if not pieces:
        return Glance()
    last = max(pieces, key=lambda piece: piece.step)
    best = min((piece.means[1] for piece in pieces), default=math.nan)
    return Glance(last.step, _finite(last.means[0]), _finite(best))


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
                    return _finite(_number(entry[3]))
    except FileNotFoundError:
        pass
    return None


def _places(file: PartialFile) -> Iterator[bytes]:
    """The whole file, or parts of it as far apart as each other; the last is its end."""
    if file.size_bytes <= _PLACES * _PLACE_BYTES:
        yield file.read(0, file.size_bytes)
        return
    for number in range(1, _PLACES + 1):
        yield file.read(file.size_bytes * number // _PLACES - _PLACE_BYTES, _PLACE_BYTES)


def _piece(content: bytes) -> _Piece | None:
    entries = _ENTRY.findall(content)
    if not entries:
        return None
    losses = np.array([_number(loss) for _, loss, _ in entries], dtype=np.float64)
    means = trailing_mean(losses, MEAN_STEPS)
    lowest = lowest_mean(means)
    return _Piece(int(entries[-1][0]), (float(means[-1]), math.nan if lowest is None else lowest))


def lowest_mean(means: Floats) -> float | None:
    """The lowest over MEAN_STEPS whole steps, or the last one of fewer steps."""
    whole = means[MEAN_STEPS - 1 :] if len(means) >= MEAN_STEPS else means[-1:]
    return None if np.isnan(whole).all() else float(np.nanmin(whole))


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

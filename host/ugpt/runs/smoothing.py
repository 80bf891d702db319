"""Smoothed losses, for the curve on the terminal and for the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST = 16
_MOST = 1000


def window(step: int, total_steps: int) -> int:
    """Over how many steps up to `step` a loss is averaged in a run of `total_steps`."""
    return int(windows(np.array([step]), total_steps)[0])


def windows(steps: NDArray[np.int64], total_steps: int) -> NDArray[np.int64]:
    """The window of each step.

    It grows with the step, so that a curve over the logarithm of the step is as smooth at its
    start as at its end, up to a twentieth of the run, within reason.
    """
    most = min(max(total_steps // 20, 1), _MOST)
    return np.minimum(np.maximum(steps // 4, _LEAST), most)


def trailing_mean(values: Floats, widths: int | NDArray[np.int64]) -> Floats:
    """At each index the mean of the last values up to it, as many as its width, or as there are.

    Those that are not a number do not count; a window without any other has none for its mean.
    """
    known = ~np.isnan(values)
    sums = np.concatenate(([0.0], np.cumsum(np.where(known, values, 0.0))))
    counts = np.concatenate(([0], np.cumsum(known)))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - widths, 0)
    count = (counts[ends] - counts[starts]).astype(np.float64)
    count[count == 0] = np.nan
    return np.asarray((sums[ends] - sums[starts]) / count, dtype=np.float64)

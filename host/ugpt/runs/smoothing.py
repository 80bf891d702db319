"""Smoothed losses, for the curve on the terminal and for the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def trailing_mean(values: Floats, window: int) -> Floats:
    """At each index the mean of the last `window` values up to it, or of as many as there are.

    Those that are not a number do not count; a window without any other has none for its mean.
    """
    known = ~np.isnan(values)
    sums = np.concatenate(([0.0], np.cumsum(np.where(known, values, 0.0))))
    counts = np.concatenate(([0], np.cumsum(known)))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    count = (counts[ends] - counts[starts]).astype(np.float64)
    count[count == 0] = np.nan
    return np.asarray((sums[ends] - sums[starts]) / count, dtype=np.float64)

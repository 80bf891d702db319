"""A loss curve of any length in a bounded number of bins, so that drawing it stays cheap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..runs.smoothing import Floats, windows

Steps = NDArray[np.int64]

_CHUNK = 1 << 20  # of losses, binned at once
_EXACT_STEPS = 256  # have a bin of their own in the logarithmic bins
_PER_OCTAVE = 128
_OCTAVES = 20  # beyond what the protocol can count
_LINEAR_BINS = 4096


@dataclass(frozen=True)
class Smoothed:
    """The mean losses of a curve by step, and which steps are known."""

    steps: Floats
    losses: Floats
    spreads: Floats
    """Standard deviations of the single losses around their mean."""
    _edges: Steps
    _known: Steps  # bins before each bin that hold anything

    def any_known(self, first: Steps, last: Steps) -> NDArray[np.bool_]:
        """Whether any step in each range is known, as finely as the bins tell."""
        start = np.searchsorted(self._edges, first, "right") - 1
        end = np.searchsorted(self._edges, last, "right")
        top = len(self._known) - 1
        some = self._known[np.clip(end, 0, top)] - self._known[np.clip(start, 0, top)]
        return np.asarray((last >= first) & (some > 0))


class _Bins:
    """Sums over the losses between two edges each."""

    def __init__(self, edges: Steps) -> None:
        self.edges = edges
        """The first step of each bin, and the end of the last one."""
        self.sums: Floats = np.zeros(len(edges) - 1)
        self.squares: Floats = np.zeros(len(edges) - 1)
        self.counts: Floats = np.zeros(len(edges) - 1)

    def reserve(self, step: int) -> None:
        """Makes room for losses up to `step`."""


class _LogBins(_Bins):
    """Narrow at the start, ever wider towards the end; they never change."""

    def __init__(self) -> None:
        wide = _EXACT_STEPS * 2.0 ** (np.arange(_OCTAVES * _PER_OCTAVE) / _PER_OCTAVE)
        edges = np.concatenate((np.arange(1, _EXACT_STEPS + 1), np.ceil(wide)))
        super().__init__(np.unique(edges).astype(np.int64))


class _LinearBins(_Bins):
    """All of one width, which doubles whenever they are full."""

    def __init__(self) -> None:
        super().__init__(np.arange(1, _LINEAR_BINS + 2, dtype=np.int64))

    def reserve(self, step: int) -> None:
        while step >= self.edges[-1]:
            self.edges = 1 + 2 * (self.edges - 1)
            self.sums = _halved(self.sums)
            self.squares = _halved(self.squares)
            self.counts = _halved(self.counts)


def _halved(values: Floats) -> Floats:
    pairs = values.reshape(-1, 2).sum(axis=1)
    return np.concatenate((pairs, np.zeros(len(pairs))))


class Curve:
    """The losses of steps 1..`step`, some of them perhaps unknown."""

    def __init__(self) -> None:
        self.step = 0
        self._log = _LogBins()
        self._linear = _LinearBins()

    def put(self, first: int, losses: Sequence[float]) -> None:
        """Takes the losses from step `first` on; what was known of it and later ones is dropped."""
        if first <= self.step:
            for bins in (self._log, self._linear):
                _cut(bins, first, self.step)
        values = np.asarray(losses, dtype=np.float64)
        for start in range(0, len(values), _CHUNK):
            self._add(first + start, values[start : start + _CHUNK])
        self.step = first - 1 + len(values)

    def _add(self, first: int, values: Floats) -> None:
        known = np.isfinite(values)
        steps = first + np.flatnonzero(known)
        values = values[known]
        for bins in (self._log, self._linear):
            bins.reserve(first + len(known))
            if len(steps):
                at = np.searchsorted(bins.edges, steps, "right") - 1
                base = int(at[0])
                counts = np.bincount(at - base)
                reach = slice(base, base + len(counts))
                bins.counts[reach] += counts
                bins.sums[reach] += np.bincount(at - base, weights=values)
                bins.squares[reach] += np.bincount(at - base, weights=values**2)

    def smoothed(self, total_steps: int, *, logarithmic: bool) -> Smoothed:
        """The trailing mean at the end of each bin, over the window of that step."""
        bins = self._log if logarithmic else self._linear
        used = int(np.searchsorted(bins.edges, self.step, "right"))
        edges, counts = bins.edges[: used + 1], bins.counts[:used]
        sums, squares, totals = (
            np.concatenate(([0.0], np.cumsum(values[:used])))
            for values in (bins.sums, bins.squares, bins.counts)
        )
        filled = np.flatnonzero(counts > 0)
        ends = np.minimum(edges[1:] - 1, self.step)[filled]
        widths = windows(ends, total_steps)
        starts = np.searchsorted(edges, np.maximum(ends - widths + 1, 1), "right") - 1
        starts = np.minimum(starts, filled)
        count = totals[filled + 1] - totals[starts]
        means = (sums[filled + 1] - sums[starts]) / count
        variances = (squares[filled + 1] - squares[starts]) / count - means**2
        spreads = np.sqrt(np.maximum(variances, 0.0))
        known = np.concatenate(([0], np.cumsum(counts > 0)))
        return Smoothed(ends.astype(np.float64), means, spreads, edges[:used], known)


def _cut(bins: _Bins, step: int, last: int) -> None:
    """Forgets the losses from `step` to `last`; those before them in a bin keep their share."""
    at = int(np.searchsorted(bins.edges, step, "right")) - 1
    share = (step - bins.edges[at]) / (min(bins.edges[at + 1], last + 1) - bins.edges[at])
    for values in (bins.sums, bins.squares, bins.counts):
        values[at] *= share
        values[at + 1 :] = 0.0

"""The random numbers of Andrej Karpathy's `microgpt.py`, drawn in its order.

That program draws everything from one generator of Python's `random` module: the order of the
documents, then the weights, then a uniform for each token sampled. Drawing the same here and
sending them to the device lets it follow that program exactly.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .dataset import training_order

INIT_STD = 0.08
"""Standard deviation of the initial weights."""

_BELOW_ONE = float(np.nextafter(np.float32(1), np.float32(0)))


class MicrogptRandom:
    """One generator, to be used in the order of the methods below."""

    def __init__(self, seed: int) -> None:
        self._generator = random.Random(seed)

    def shuffle(self, documents: Sequence[str]) -> Sequence[str]:
        return training_order(documents, self._generator)

    def weights(self, matrices: Mapping[str, tuple[int, int]]) -> dict[str, NDArray[np.float32]]:
        """Initial weights for matrices given as (rows, columns), in the order of the mapping."""
        gauss = self._generator.gauss
        return {
            name: np.array(
                [[gauss(0, INIT_STD) for _ in range(columns)] for _ in range(rows)],
                dtype=np.float32,
            )
            for name, (rows, columns) in matrices.items()
        }

    def peek_uniforms(self, count: int) -> list[float]:
        """The next `count` uniforms in [0, 1) as float32 values, without taking them."""
        state = self._generator.getstate()
        # A value next to 1 would round up to it and leave the interval.
        drawn = [min(float(np.float32(self._generator.random())), _BELOW_ONE) for _ in range(count)]
        self._generator.setstate(state)
        return drawn

    def take_uniforms(self, count: int) -> None:
        """Takes `count` uniforms: as many as tokens were drawn with those last peeked at."""
        for _ in range(count):
            self._generator.random()

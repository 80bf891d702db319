"""The mean of what the workers of a round have come to: the same bits everywhere.

docs/numerics.md has the contract. Every element is one chain of additions in binary64 over
ascending workers, beginning with the value of worker 0, divided by the number of workers and
rounded to binary32 once. NumPy does nothing but add and divide single elements here, which IEEE-754
fixes; its own sums and means add in an order that depends on the machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..runs.checkpoint import Checkpoint, Tensors


def average(workers: Sequence[Checkpoint]) -> Checkpoint:
    """The mean of weights and moments after the same step; of one worker, all its bits."""
    first = workers[0]
    if any(worker.step != first.step for worker in workers):
        raise ValueError("the workers stand after different steps")
    return Checkpoint(
        first.step,
        _mean_tensors([worker.weights for worker in workers]),
        _mean_tensors([worker.first_moment for worker in workers]),
        _mean_tensors([worker.second_moment for worker in workers]),
        first.vocabulary,
    )


def mean_losses(workers: Sequence[Sequence[float]]) -> list[float]:
    """The mean loss of each step, as binary32."""
    losses = mean([np.array(worker, dtype=np.float32) for worker in workers])
    return [float(loss) for loss in losses]


def mean(workers: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of each element."""
    total = workers[0].astype(np.float64)
    for values in workers[1:]:
        total += values
    return (total / len(workers)).astype(np.float32)


def _mean_tensors(workers: Sequence[Tensors]) -> Tensors:
    return {name: mean([tensors[name] for tensors in workers]) for name in workers[0]}

"""How long a device will take, by its own estimate, which docs/performance.md explains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..data.dataset import positions_of
from ..device.client import Device
from ..rpc.messages import Recipe, Shape


async def estimate_training_s(
    device: Device, documents: Sequence[str], shape: Shape, recipe: Recipe
) -> float | None:
    """Seconds that the device computes, the line left out; None if it knows nothing of that."""
    lengths, counts = np.unique(positions_of(documents, shape.block_size), return_counts=True)
    steps_ns = [
        (await device.plan(shape, recipe, 0, positions=length)).step_ns
        for length in lengths.tolist()
    ]
    if not all(steps_ns):
        return None
    return recipe.total_steps * float(np.average(steps_ns, weights=counts)) / 1e9

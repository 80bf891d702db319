"""How long a board will take, from what was counted without one (docs/performance.md)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..data.dataset import positions_of
from ..rpc.messages import Recipe, Shape

_CYCLES_PER_S = 240e6
_CYCLES_PER_INSTRUCTION = 358_000 / 293_616
_INSTRUCTIONS_PER_MULTIPLY_ADD = 2.44
_INSTRUCTIONS_PER_PARAMETER = 26.2  # of Adam, once a step


def estimate_training_s(
    documents: Sequence[str], shape: Shape, parameters: int, recipe: Recipe
) -> float:
    """Seconds that an ESP32 with 240 MHz computes, within about a fifth; the link is not in it."""
    positions = positions_of(documents, shape.block_size).astype(np.float64)
    width, layers = shape.n_embd, shape.n_layer
    of_position = 12 * layers * width * width + shape.vocab_size * width
    attention = layers * width * positions * (positions + 1)
    multiply_adds = 3 * float(np.mean(of_position * positions + attention))
    instructions = (
        recipe.batch * multiply_adds * _INSTRUCTIONS_PER_MULTIPLY_ADD
        + parameters * _INSTRUCTIONS_PER_PARAMETER
    )
    return recipe.total_steps * instructions * _CYCLES_PER_INSTRUCTION / _CYCLES_PER_S

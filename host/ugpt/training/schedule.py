"""The learning rate as devices compute it (docs/numerics.md), in ordinary floats, to be shown."""

from __future__ import annotations

import math

from ..rpc.messages import Recipe, Schedule


def learning_rate(recipe: Recipe, completed: int) -> float:
    """Of the step that follows `completed` ones."""
    if completed < recipe.warmup_steps:
        return recipe.learning_rate * (completed + 1) / recipe.warmup_steps
    if recipe.schedule is Schedule.CONSTANT:
        return recipe.learning_rate
    if completed >= recipe.total_steps:
        return 0.0
    share = (recipe.total_steps - completed) / (recipe.total_steps - recipe.warmup_steps)
    if recipe.schedule is Schedule.COSINE:
        share = (1 + math.sin(math.pi * (share - 0.5))) / 2
    return recipe.learning_rate * share

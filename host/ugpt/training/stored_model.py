"""A model as it lies on disk, whole and ready to be put on a device or to be begun from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..device.tensors import tensor_shapes
from ..rpc.messages import Recipe, Shape
from ..runs.checkpoint import Checkpoint, weights_digest
from ..runs.errors import RunError
from ..runs.folder import Run
from .options import RecipeOptions

_RUN_ID_DIGITS = 8  # of the digest: 32 bits


@dataclass(frozen=True)
class StoredModel:
    """A model with its moments, read from a file and found whole."""

    run_id: int
    shape: Shape
    recipe: Recipe
    vocabulary: str
    checkpoint: Checkpoint
    origin: Path
    """The run folder or file, which is remembered as what is on the device."""


def stored_model(run: Run, step: int | None = None) -> StoredModel:
    """The newest checkpoint of a run, or that of `step`. Raises RunError if it cannot be had."""
    config = run.config
    checkpoint = run.read_checkpoint(tensor_shapes(config.shape), step)
    if checkpoint is None:
        raise RunError(
            f"{run.path} holds no checkpoint yet.", "Resume the run, or wait until it is saved."
        )
    run.require_own_vocabulary(checkpoint)
    return StoredModel(
        config.run_id, config.shape, config.recipe, checkpoint.vocabulary, checkpoint, run.path
    )


def model_without_run(
    shape: Shape, recipe: Recipe | None, checkpoint: Checkpoint, origin: Path
) -> StoredModel:
    """A model of a file alone. The number that it has instead of a run's follows from its values.

    So no run takes it for its own, and a device that holds it already is known to. Without a
    recipe it has the default one.
    """
    values = (checkpoint.weights, checkpoint.first_moment, checkpoint.second_moment)
    digest = hashlib.sha256("".join(map(weights_digest, values)).encode()).hexdigest()
    run_id = int(digest[:_RUN_ID_DIGITS], 16) or 1
    planned = recipe or RecipeOptions(steps=max(checkpoint.step, 1)).recipe()
    return StoredModel(run_id, shape, planned, checkpoint.vocabulary, checkpoint, origin)

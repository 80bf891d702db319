"""A model as it lies on disk, whole and ready to be put on a device or to be begun from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..device.tensors import tensor_shapes
from ..rpc.messages import Recipe, Shape
from ..runs.checkpoint import Checkpoint
from ..runs.errors import RunError
from ..runs.folder import Run


@dataclass(frozen=True)
class StoredModel:
    """A model with its moments, read from a file and found whole."""

    run_id: int
    shape: Shape
    recipe: Recipe
    vocabulary: str
    checkpoint: Checkpoint
    origin: Path
    """The run folder, which is remembered as what is on the device."""


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

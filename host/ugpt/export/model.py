"""What most formats hold: the newest weights of a run, and what is needed to compute with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ..device.tensors import tensor_shapes
from ..rpc.messages import Recipe, Shape
from ..runs.checkpoint import Checkpoint, Tensors
from ..runs.folder import Run
from ..runs.lock import is_held
from ..wording import command
from .errors import ExportError
from .naming import name_of


@dataclass(frozen=True)
class TrainedModel:
    """Weights between two steps of a run."""

    name: str
    """Of the run."""
    shape: Shape
    recipe: Recipe
    seed: int
    """Of the run, which draws the texts at its end with it."""
    checkpoint: Checkpoint

    @classmethod
    def of(cls, run: Run) -> Self:
        """The newest checkpoint of a run. Raises RunError if it is damaged,
        ExportError if there is none."""
        config = run.config
        checkpoint = run.read_checkpoint(tensor_shapes(config.shape))
        if checkpoint is None and is_held(run.path):
            raise ExportError(
                f"{run.path} holds no weights yet: the run is being trained.",
                "Wait for its first checkpoint.",
            )
        if checkpoint is None:
            raise ExportError(
                f"{run.path} holds no weights: the run was not saved yet.",
                f"Go on with it: {command('train', '--resume', run.path)}",
            )
        run.require_own_vocabulary(checkpoint)
        name = name_of(run.path)
        return cls(name, config.shape, config.recipe, config.seed, checkpoint)

    @property
    def characters(self) -> str:
        """Of the tokens from 0 on; BOS, the last token, has none."""
        return self.checkpoint.vocabulary

    @property
    def weights(self) -> Tensors:
        return self.checkpoint.weights

    @property
    def step(self) -> int:
        return self.checkpoint.step

    def require_finite(self, target: str) -> None:
        """Raises ExportError for weights that a program text cannot hold as numbers."""
        for name, values in self.weights.items():
            if not np.isfinite(values).all():
                raise ExportError(
                    f"A {target} file cannot hold this model: {name} has weights that are not "
                    "finite.",
                    "Export it as safetensors or npz.",
                )

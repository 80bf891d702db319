"""The folder of a training run: what it was, what it gave, and all that is needed to go on.

    config.toml             what decides the weights, and where they came to be
    metrics.jsonl           one object a step: step (1-based), loss, tokens; val_loss where
                            the model was evaluated on documents held out
    checkpoint.safetensors  weights and moments by name; step and configuration as metadata
    weights.sha256          digest of all weights as little-endian float32 in canonical order
    samples.txt             texts drawn from the trained model, one a line
    loss.png                the loss curve

Every file is written whole or not at all, except metrics.jsonl, to which whole lines are appended.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors
import safetensors.numpy
import tomli_w
from numpy.typing import NDArray

from .atomic import write_atomically, write_error
from ..rpc.messages import MomentFormat, Recipe, Schedule, Shape
from ..errors import RunError
from .metrics import Metrics

Tensors = dict[str, NDArray[np.float32]]
"""Parameter matrices (or moments of them) by name, in canonical order."""


class Init(StrEnum):
    """Where the initial weights come from."""

    DEVICE = "device"
    MICROGPT = "microgpt"


@dataclass(frozen=True)
class RunConfig:
    """What decides the weights of a run, and for the reader where they came to be."""

    data: Path
    data_sha256: str
    shape: Shape
    recipe: Recipe
    seed: int
    init: Init
    save_every: int
    run_id: int
    device: str
    ugpt: str
    held_out: int = 0
    """Documents that are not trained on."""
    eval_every: int = 0
    """Steps from one evaluation on documents held out to the next; also after the last step."""
    eval_documents: int = 0
    """The most documents of an evaluation."""

    def next_evaluation(self, step: int) -> int:
        """The first step after `step` that an evaluation follows, or that is the last one."""
        total_steps = self.recipe.total_steps
        every = self.eval_every or total_steps
        return min((step // every + 1) * every, total_steps)

    def evaluates_after(self, step: int) -> bool:
        """Whether the model is evaluated after `step` completed steps."""
        return self.held_out > 0 and step > 0 and self.next_evaluation(step - 1) == step

    def to_toml(self) -> str:
        return tomli_w.dumps(
            {
                **asdict(self),
                "data": str(self.data),
                "init": str(self.init),
                "recipe": {
                    **asdict(self.recipe),
                    "schedule": self.recipe.schedule.name.lower(),
                    "moments": self.recipe.moments.name.lower(),
                },
            }
        )

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Raises KeyError, TypeError or ValueError where `text` is no configuration."""
        values: dict[str, Any] = tomllib.loads(text)
        return cls(
            **{
                **values,
                "data": Path(values["data"]),
                "shape": Shape(**values["shape"]),
                "recipe": _recipe(values["recipe"]),
                "init": Init(values["init"]),
            }
        )


def _recipe(values: Mapping[str, Any]) -> Recipe:
    """Whatever is absent was written by a version that knew only the default."""
    named = {
        "schedule": Schedule[str(values.get("schedule", "linear")).upper()],
        "moments": MomentFormat[str(values.get("moments", "f32")).upper()],
    }
    return Recipe(**{**values, **named})


@dataclass(frozen=True)
class Checkpoint:
    """A model and its optimiser between two steps."""

    step: int
    weights: Tensors
    first_moment: Tensors
    second_moment: Tensors


class Run:
    """A run folder: `Run.new(...)` and `begin`, or `Run.open(...)`."""

    def __init__(
        self, path: Path, config: RunConfig, metrics: Metrics, *, exists: bool = False
    ) -> None:
        self.path = path
        self.config = config
        self.metrics = metrics
        self._exists = exists

    @classmethod
    def new(cls, path: Path, config: RunConfig) -> Self:
        """A run whose folder `begin` will make. Raises RunError where something is at `path`."""
        require_absent(path)
        return cls(path, config, Metrics.open(path / "metrics.jsonl"))

    def begin(self, device: str) -> None:
        """Makes the folder of a new run, on `device`; does nothing for one that exists.

        Raises RunError, leaving no folder, where it cannot be made.
        """
        if self._exists:
            return
        require_absent(self.path)
        try:
            self.path.mkdir(parents=True)
        except OSError as error:
            raise write_error(self.path, error) from None
        try:
            self.config = replace(self.config, device=device)
            write_atomically(self.path / "config.toml", self.config.to_toml().encode())
        except RunError:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        self._exists = True

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens an existing folder to resume it. Raises RunError where it is none."""
        file = path / "config.toml"
        try:
            config = RunConfig.from_toml(file.read_text("utf-8"))
        except OSError as error:
            raise RunError(
                f"{path} is not a run folder: {file.name} cannot be read ({error.strerror}).",
                "Give the folder that `ugpt train` made.",
            ) from None
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{file} is not the configuration of a run: {error}.",
                "Restore the file, or start a new run.",
            ) from None
        return cls(path, config, Metrics.open(path / "metrics.jsonl"), exists=True)

    @property
    def evaluation_ahead(self) -> int:
        """The step of the first evaluation still to come; a model past it has missed it."""
        step = self.metrics.step
        if self.config.evaluates_after(step) and step not in self.metrics.val_losses:
            return step
        return self.config.next_evaluation(step)

    def write_checkpoint(self, checkpoint: Checkpoint, vocabulary: str) -> str:
        """Replaces checkpoint.safetensors and weights.sha256; returns the digest."""
        tensors = dict(checkpoint.weights)
        for kind in ("first_moment", "second_moment"):
            moments: Tensors = getattr(checkpoint, kind)
            tensors |= {f"{kind}.{name}": values for name, values in moments.items()}
        metadata = {
            "step": str(checkpoint.step),
            "config": self.config.to_toml(),
            "shape": json.dumps(asdict(self.config.shape)),
            "vocabulary": vocabulary,
        }
        content = safetensors.numpy.save(tensors, metadata)
        write_atomically(self.path / "checkpoint.safetensors", content)
        digest = weights_digest(checkpoint.weights)
        write_atomically(self.path / "weights.sha256", f"{digest}\n".encode())
        return digest

    def read_checkpoint(self, matrices: Mapping[str, tuple[int, int]]) -> Checkpoint | None:
        """The newest checkpoint, None where there is none yet. Raises RunError where it is damaged.

        `matrices` holds rows and columns of the parameter matrices in canonical order.
        """
        file = self.path / "checkpoint.safetensors"
        if not file.exists():
            return None
        try:
            with safetensors.safe_open(file, framework="numpy") as content:
                step = int(content.metadata()["step"])
                kinds = [
                    {name: content.get_tensor(prefix + name) for name in matrices}
                    for prefix in ("", "first_moment.", "second_moment.")
                ]
        except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
            raise _damaged(file, str(error)) from None
        for tensors in kinds:
            for name, values in tensors.items():
                if values.shape != matrices[name] or values.dtype != np.float32:
                    raise _damaged(file, f"{name} has another shape than the model")
        return Checkpoint(step, *kinds)

    def write_samples(self, texts: Sequence[str]) -> None:
        """Replaces samples.txt."""
        content = "".join(f"{text}\n" for text in texts)
        write_atomically(self.path / "samples.txt", content.encode())

    def write_plot(self, png: bytes) -> None:
        """Replaces loss.png."""
        write_atomically(self.path / "loss.png", png)


def weights_digest(weights: Tensors) -> str:
    """sha256 of all weights as little-endian float32, in the order of the mapping."""
    digest = hashlib.sha256()
    for values in weights.values():
        digest.update(values.astype("<f4").tobytes())
    return digest.hexdigest()


def require_absent(path: Path) -> None:
    """Raises RunError where something is at `path`, which a new run would mix with."""
    if path.exists() or path.is_symlink():
        raise RunError(
            f"{path} exists already.",
            f"Name another folder, or go on with that run: ugpt train --resume {path}",
        )


def default_path(data: Path, now: datetime.datetime) -> Path:
    """A folder under runs/ that does not exist yet, named after the data set and the time."""
    base = Path("runs") / f"{data.stem}-{now:%Y%m%d-%H%M%S}"
    path, number = base, 1
    while path.exists():
        number += 1
        path = base.with_name(f"{base.name}-{number}")
    return path


def _damaged(file: Path, reason: str) -> RunError:
    return RunError(
        f"{file} is damaged: {reason}.", "Remove it to train again from the start of the run."
    )

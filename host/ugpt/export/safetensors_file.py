"""A safetensors file: each tensor by its name; shape, vocabulary and step as metadata."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import safetensors
from numpy.typing import NDArray

from ..rpc.messages import Recipe, Shape
from ..runs.checkpoint import DIGEST, DIGEST_DIGITS, read_metadata, require_whole, sealed
from ..runs.config import RunConfig, recipe_of, recipe_values
from ..runs.folder import Run
from .loose import LooseModel, loose_model, require_f32
from .model import TrainedModel

_KEYS = {"shape", "vocabulary", "step", "recipe", "run", "config"}


def files(run: Run, out: Path) -> dict[Path, bytes]:
    return {out: encode(TrainedModel.of(run))}


def encode(model: TrainedModel) -> bytes:
    metadata = {
        "shape": json.dumps(asdict(model.shape)),
        "vocabulary": model.characters,
        "step": str(model.step),
        "recipe": json.dumps(recipe_values(model.recipe)),
        "run": model.name,
    }
    return sealed(model.weights, metadata)


def decode(content: bytes) -> LooseModel:
    """The model of a file that `encode` made, or of a checkpoint. Raises ValueError."""
    try:
        entries = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
        metadata = read_metadata(content, len(content))
    except (safetensors.SafetensorError, RecursionError) as error:
        raise ValueError(f"it is damaged, or no safetensors file ({error})") from None
    if missing := {"shape", "vocabulary", "step"} - metadata.keys():
        raise ValueError(f"its metadata has no {sorted(missing)[0]}")
    if DIGEST in metadata:
        _require_unchanged(content)
    elif renamed := [
        name for name in metadata.keys() - _KEYS if len(metadata[name]) == DIGEST_DIGITS
    ]:
        # The damage may be in the name, which would leave the rest unchecked.
        raise ValueError(f"its metadata has {renamed[0]!r} in the place of {DIGEST}")
    try:
        shape, step = Shape(**json.loads(metadata["shape"])), int(metadata["step"])
        recipe = _recipe(metadata)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"its metadata makes no sense ({error})") from None
    arrays: dict[str, NDArray[np.float32]] = {}
    for name, entry in entries:
        require_f32(name, entry["dtype"], entry["dtype"] == "F32")
        arrays[name] = np.frombuffer(entry["data"], "<f4").reshape(entry["shape"])
    return loose_model(shape, recipe, step, metadata["vocabulary"], arrays)


def _require_unchanged(content: bytes) -> None:
    try:
        require_whole(content)
    except ValueError as error:
        changed = f"if you changed it on purpose, leave {DIGEST} out of its metadata"
        raise ValueError(f"{error} ({changed})") from None


def _recipe(metadata: dict[str, str]) -> Recipe | None:
    if "recipe" in metadata:
        return recipe_of(json.loads(metadata["recipe"]))
    if "config" in metadata:  # of a checkpoint
        return RunConfig.from_toml(metadata["config"]).recipe
    return None

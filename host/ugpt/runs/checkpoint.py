"""checkpoint.safetensors of a run folder: weights and moments by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from .config import RunConfig
from .errors import RunError

Tensors = dict[str, NDArray[np.float32]]
"""Parameter matrices (or moments of them) by name, in canonical order."""

_MOMENTS = ("first_moment", "second_moment")


@dataclass(frozen=True)
class Checkpoint:
    """A model and its optimiser between two steps."""

    step: int
    weights: Tensors
    first_moment: Tensors
    second_moment: Tensors


def encode_checkpoint(checkpoint: Checkpoint, config: RunConfig, vocabulary: str) -> bytes:
    """The content of the file; step, configuration and vocabulary are its metadata."""
    tensors = dict(checkpoint.weights)
    for kind in _MOMENTS:
        moments: Tensors = getattr(checkpoint, kind)
        tensors |= {f"{kind}.{name}": values for name, values in moments.items()}
    metadata = {
        "step": str(checkpoint.step),
        "config": config.to_toml(),
        "shape": json.dumps(asdict(config.shape)),
        "vocabulary": vocabulary,
        "sha256": _digest(checkpoint),
    }
    return safetensors.numpy.save(tensors, metadata)


def read_checkpoint(file: Path, matrices: Mapping[str, tuple[int, int]]) -> Checkpoint:
    """Reads the file. Raises RunError if it is damaged.

    `matrices` holds rows and columns of the parameter matrices in canonical order.
    """
    try:
        with safetensors.safe_open(file, framework="numpy") as content:
            metadata = content.metadata()
            step = int(metadata["step"])
            kinds = [
                {name: content.get_tensor(prefix + name) for name in matrices}
                for prefix in ("", *(f"{kind}." for kind in _MOMENTS))
            ]
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise _damaged(file, str(error)) from None
    for tensors in kinds:
        for name, values in tensors.items():
            if values.shape != matrices[name] or values.dtype != np.float32:
                raise _damaged(file, f"{name} has another shape than the model")
    checkpoint = Checkpoint(step, *kinds)
    # Absent in files of version 0.1.0.
    if metadata.get("sha256", _digest(checkpoint)) != _digest(checkpoint):
        raise _damaged(file, "its digest is that of other values")
    return checkpoint


def weights_digest(weights: Tensors) -> str:
    """sha256 of all weights as little-endian float32, in the order of the mapping."""
    digest = hashlib.sha256()
    for values in weights.values():
        digest.update(values.astype("<f4").tobytes())
    return digest.hexdigest()


def _digest(checkpoint: Checkpoint) -> str:
    """sha256 of all that is read back: a run must not go on from other bits than it stopped at."""
    digest = hashlib.sha256(str(checkpoint.step).encode())
    for tensors in (checkpoint.weights, checkpoint.first_moment, checkpoint.second_moment):
        for values in tensors.values():
            digest.update(values.astype("<f4").tobytes())
    return digest.hexdigest()


def _damaged(file: Path, reason: str) -> RunError:
    return RunError(
        f"{file} is damaged: {reason}.", "Remove it to train again from the start of the run."
    )

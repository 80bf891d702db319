"""A safetensors file: each tensor by its name; shape, vocabulary and step as metadata."""

from __future__ import annotations

import json
from pathlib import Path

import safetensors.numpy

from ..runs.folder import Run
from .model import TrainedModel


def files(run: Run, out: Path) -> dict[Path, bytes]:
    return {out: encode(TrainedModel.of(run))}


def encode(model: TrainedModel) -> bytes:
    metadata = {
        "shape": json.dumps(model.shape_values()),
        "vocabulary": model.characters,
        "step": str(model.step),
    }
    content: bytes = safetensors.numpy.save(model.weights, metadata)
    return content

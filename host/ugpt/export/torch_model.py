"""A Python file for plain PyTorch beside a safetensors file. Making them needs no PyTorch."""

from __future__ import annotations

from pathlib import Path

from ..runs.folder import Run
from .model import TrainedModel
from .safetensors_file import encode
from .template import template


def files(run: Run, out: Path) -> dict[Path, bytes]:
    return {
        out.with_suffix(".py"): template("torch_model.py").encode(),
        out.with_suffix(".safetensors"): encode(TrainedModel.of(run)),
    }

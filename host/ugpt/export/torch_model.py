"""A Python file for plain PyTorch beside a safetensors file. Making them needs no PyTorch."""

from __future__ import annotations

from pathlib import Path

from ..runs.folder import Run
from .model import TrainedModel
from .safetensors_file import encode
from .template import template


def files(run: Run, out: Path) -> dict[Path, bytes]:
    if out.suffix in (".py", ".safetensors"):
        out = out.with_suffix("")
    return {
        out.with_name(f"{out.name}.py"): template("torch_model.py").encode(),
        out.with_name(f"{out.name}.safetensors"): encode(TrainedModel.of(run)),
    }

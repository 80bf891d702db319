"""A NumPy archive: an array for each tensor, by its name, and what else a program needs.

`vocabulary` has the code point of each character, in the order of the tokens; `n_head` and `step`
are numbers. The rest of the shape is that of the tensors.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..runs.folder import Run
from .model import TrainedModel


def files(run: Run, out: Path) -> dict[Path, bytes]:
    model = TrainedModel.of(run)
    content = io.BytesIO()
    np.savez(
        content,
        allow_pickle=False,
        **model.weights,
        vocabulary=np.array([ord(character) for character in model.characters], np.uint32),
        n_head=np.array(model.shape.n_head),
        step=np.array(model.step),
    )
    return {out: content.getvalue()}

"""What a file of weights says of itself, and whether that is a model.

Such a file may come from anybody, so it is held against its own words before it is used. What is
wrong is a ValueError with the reason; `export/reading` makes a sentence of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..device.tensors import tensor_shapes
from ..rpc.messages import Recipe, Shape
from ..runs.checkpoint import MOMENTS, Checkpoint, Tensors
from ..runs.config import require_encodable
from ..runs.metrics import STEPS_MAX


@dataclass(frozen=True)
class LooseModel:
    """A model that belongs to no run folder."""

    shape: Shape
    recipe: Recipe | None
    """How it was trained, if the file says so."""
    checkpoint: Checkpoint


def loose_model(
    shape: Shape,
    recipe: Recipe | None,
    step: int,
    vocabulary: str,
    arrays: Mapping[str, NDArray[Any]],
) -> LooseModel:
    """The model that these make. Raises ValueError if they contradict each other.

    Without moments in `arrays` it has fresh ones, all zero.
    """
    require_encodable(shape)
    if shape.n_embd % shape.n_head:
        raise ValueError(f"a width of {shape.n_embd} cannot be divided among {shape.n_head} heads")
    if recipe is not None:
        require_encodable(recipe)
    last = STEPS_MAX if recipe is None else recipe.total_steps
    if not 0 <= step <= last:
        raise ValueError(f"step {step:,} is not one of the {last:,} that it may have")
    _require_vocabulary(vocabulary, shape)
    kinds = ["", *(f"{kind}." for kind in MOMENTS)]
    has_moments = any(name.startswith(tuple(kinds[1:])) for name in arrays)
    expected = {
        kind + name: size
        for kind in (kinds if has_moments else kinds[:1])
        for name, size in tensor_shapes(shape).items()
    }
    _require_tensors(arrays, expected)
    weights, first_moment, second_moment = (_kind_of(arrays, shape, kind) for kind in kinds)
    checkpoint = Checkpoint(step, weights, first_moment, second_moment, vocabulary)
    return LooseModel(shape, recipe, checkpoint)


def require_f32(name: str, found: str, is_f32: bool) -> None:
    """Raises ValueError for a tensor of another type."""
    if not is_f32:
        raise ValueError(f"{name} has values of the type {found}, not 32-bit floats")


def _require_vocabulary(vocabulary: str, shape: Shape) -> None:
    vocabulary.encode()  # half a surrogate pair is no character
    if len(vocabulary) + 1 != shape.vocab_size:
        raise ValueError(
            f"it has {len(vocabulary):,} characters, and a model of {shape.vocab_size:,} tokens "
            f"has {shape.vocab_size - 1:,}"
        )
    if len(set(vocabulary)) != len(vocabulary):
        raise ValueError("a character stands twice in its vocabulary")


def _require_tensors(
    arrays: Mapping[str, NDArray[Any]], expected: Mapping[str, tuple[int, int]]
) -> None:
    for name, (rows, columns) in expected.items():
        if name not in arrays:
            raise ValueError(f"{name} is missing")
        if arrays[name].shape != (rows, columns):
            found = " x ".join(map(str, arrays[name].shape)) or "a single number"
            raise ValueError(f"{name} is {found}, and the model has {rows} x {columns} there")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} has values that are not finite")
    for name in arrays:
        if name not in expected:
            raise ValueError(f"{name!r} is not a tensor of the model")


def _kind_of(arrays: Mapping[str, NDArray[Any]], shape: Shape, prefix: str) -> Tensors:
    return {
        name: np.asarray(
            arrays.get(prefix + name, np.zeros(size, np.float32)), dtype=np.float32, order="C"
        )
        for name, size in tensor_shapes(shape).items()
    }

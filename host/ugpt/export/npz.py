"""A NumPy archive: an array for each tensor, by its name, and what else a program needs.

`vocabulary` has the code point of each character, in the order of the tokens; `n_head` and `step`
are numbers; `recipe`, in JSON, and `run` are texts. The rest of the shape is that of the tensors.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rpc.messages import Shape
from ..runs.config import recipe_of, recipe_values
from ..runs.folder import Run
from .loose import LooseModel, loose_model, require_f32
from .model import TrainedModel

_MOST_BYTES = 2**28  # unpacked

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, MemoryError, OSError, RuntimeError)

Arrays = dict[str, NDArray[Any]]


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
        recipe=np.array(json.dumps(recipe_values(model.recipe))),
        run=np.array(model.name),
    )
    return {out: content.getvalue()}


def decode(content: bytes) -> LooseModel:
    """The model of a file that `files` made. Raises ValueError."""
    arrays = _unpacked(content)
    if missing := {"vocabulary", "n_head", "step", "wte", "wpe"} - arrays.keys():
        raise ValueError(f"it has no {sorted(missing)[0]}")
    try:
        vocabulary = "".join(map(chr, arrays.pop("vocabulary").tolist()))
        n_head, step = arrays.pop("n_head").item(), arrays.pop("step").item()
        recipe = recipe_of(json.loads(arrays.pop("recipe").item())) if "recipe" in arrays else None
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"what it says of the model makes no sense ({error})") from None
    if type(step) is not int:
        raise ValueError("step is not a whole number")
    arrays.pop("run", None)
    for name, values in arrays.items():
        require_f32(name, str(values.dtype), values.dtype.newbyteorder("=") == np.float32)
    return loose_model(_shape(arrays, n_head), recipe, step, vocabulary, arrays)


def _unpacked(content: bytes) -> Arrays:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _MOST_BYTES:
            raise ValueError(f"unpacked it has {size:,} bytes, and {_MOST_BYTES:,} are the most")
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except _DAMAGE as error:
        raise ValueError(f"it is damaged, or no npz file ({error})") from None
    for name, values in arrays.items():
        if not isinstance(values, np.ndarray):
            raise ValueError(f"{name!r} is not an array")
    return arrays


def _shape(arrays: Mapping[str, NDArray[Any]], n_head: int) -> Shape:
    for name in ("wte", "wpe"):
        if arrays[name].ndim != 2:
            raise ValueError(f"{name} is not a matrix")
    layers = sum(name.startswith("layer") and name.endswith(".attn_wq") for name in arrays)
    (vocab_size, n_embd), (block_size, _) = arrays["wte"].shape, arrays["wpe"].shape
    return Shape(layers, n_embd, n_head, block_size, vocab_size)

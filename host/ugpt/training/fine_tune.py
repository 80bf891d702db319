"""Begins a run with the weights of another: which go together, and which row goes where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..data.vocabulary import Vocabulary
from ..errors import UnfitValue
from ..rpc.messages import Shape
from ..runs.checkpoint import Tensors, weights_digest
from ..runs.config import Parent
from ..wording import counted
from .stored_model import StoredModel

BY_TOKEN = ("wte", "lm_head")
"""The matrices that have a row for each token."""

_NAMES = {
    "n_layer": "number of layers",
    "n_embd": "width",
    "n_head": "number of heads",
    "block_size": "context",
}


def require_same_shape(model: StoredModel, chosen: Mapping[str, object]) -> None:
    """Raises UnfitValue if the user has chosen another shape than that of `model`."""
    for field in _NAMES:
        has, value = getattr(model.shape, field), chosen.get(field)
        if value not in (None, has):
            raise UnfitValue(
                f"The {_NAMES[field]} of {model.origin.name} is {has}, and its weights fit no "
                f"other: --{field.replace('_', '-')} {value} cannot go with --from.",
                "Leave it out, or train a new model without --from.",
            )


def child_shape(model: StoredModel, vocab_size: int) -> Shape:
    """The shape of a run that begins with `model`."""
    return replace(model.shape, vocab_size=vocab_size)


def parent_of(model: StoredModel) -> Parent:
    """What the configuration of the new run says of it."""
    digest = weights_digest(model.checkpoint.weights)
    path = str(model.origin.absolute())
    return Parent(path, model.run_id, model.checkpoint.step, model.shape, digest)


def describe_mapping(model: StoredModel, vocabulary: Vocabulary) -> list[str]:
    """What becomes of the characters, in sentences."""
    old, new = set(model.vocabulary), set(vocabulary.characters)
    steps = counted(model.checkpoint.step, "step")
    said = [f"It begins with the weights of {model.origin.name} after {steps}, and fresh moments."]
    if fresh := sorted(new - old):
        begin = "begins" if len(fresh) == 1 else "begin"
        said.append(f"{_characters(fresh)} new to it and {begin} with random weights.")
    if gone := sorted(old - new):
        said.append(f"{_characters(gone)} not in this text and left out of the model.")
    return said


def map_rows(parent: Tensors, characters: str, fresh: Tensors, vocabulary: Vocabulary) -> Tensors:
    """The matrices of `BY_TOKEN` for `vocabulary`: rows of `parent`, whose model has `characters`.

    A token that it does not know has its row in `fresh`.
    """
    rows = {character: row for row, character in enumerate(characters)}
    known = [
        (row, rows[character])
        for row, character in enumerate(vocabulary.characters)
        if character in rows
    ]
    known.append((vocabulary.bos, len(characters)))
    targets, sources = np.array(known).T
    mapped = {}
    for name in BY_TOKEN:
        mapped[name] = fresh[name].copy()
        mapped[name][targets] = parent[name][sources]
    return mapped


def _characters(characters: list[str]) -> str:
    count = counted(len(characters), "character")
    are = "is" if len(characters) == 1 else "are"
    return f"{count} ({Vocabulary(''.join(characters)).excerpt()}) {are}"

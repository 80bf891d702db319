"""What can be chosen for a model and its training: each option once, for every command.

A field has its meaning and its bounds with it. The command line makes options of the fields, and a
sweep what can be varied. The defaults are those of microgpt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

from ..errors import InvalidValue
from ..rpc.codec import encode_record
from ..rpc.messages import METHODS, RECIPE, SHAPE, MomentFormat, Recipe, Schedule, Shape
from ..rpc.schema import Field
from ..wording import counted
from .recipe import require_countable


class Option(NamedTuple):
    """What a person is told of a field, and which field of the protocol it becomes."""

    help: str
    field: Field
    short: str = ""
    """Another name."""
    planned: bool = False
    """Whether the plan of a model depends on it: its memory, or the time of a step."""


def options_of(group: type) -> Mapping[str, tuple[type, Option]]:
    """The fields of a dataclass that are options, with their types."""
    hints = get_type_hints(group, include_extras=True)
    parts = {name: get_args(hint) for name, hint in hints.items()}
    return {
        name: (part[0], part[1])
        for name, part in parts.items()
        if len(part) == 2 and isinstance(part[1], Option)
    }


def _record_values(options: Any, group: type) -> dict[str, Any]:
    return {
        option.field.name: getattr(options, name) for name, (_, option) in options_of(group).items()
    }


def to_words(options: Any) -> dict[str, Any]:
    """The values as a file has them: an enumerator by its name."""
    values = {name: getattr(options, name) for name in options_of(type(options))}
    return {
        name: value.name.lower() if isinstance(value, IntEnum) else value
        for name, value in values.items()
    }


def from_words(group: type, words: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `to_words`, of any of the fields. Raises KeyError for a word that is none."""
    enums = {
        name: kind for name, (kind, _) in options_of(group).items() if issubclass(kind, IntEnum)
    }
    return {
        name: enums[name][str(word).upper()] if name in enums else word
        for name, word in words.items()
    }


SEED = Option(
    "Seed for the order of the documents and the initial weights.",
    METHODS["init_weights"].param("seed"),
)


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The shape of a model, but for its vocabulary."""

    n_layer: Annotated[int, Option("Number of transformer blocks.", SHAPE["n_layer"])] = 1
    n_embd: Annotated[
        int, Option("Width of the residual stream; a multiple of --n-head.", SHAPE["n_embd"])
    ] = 16
    n_head: Annotated[int, Option("Attention heads per block.", SHAPE["n_head"])] = 4
    block_size: Annotated[int, Option("Context length in characters.", SHAPE["block_size"])] = 16

    def shape(self, vocab_size: int) -> Shape:
        return Shape(**_record_values(self, ModelOptions), vocab_size=vocab_size)


@dataclass(frozen=True, kw_only=True)
class RecipeOptions:
    """How a model is trained: Karpathy's Adam, and what is chosen beyond it."""

    steps: Annotated[int, Option("Number of training steps.", RECIPE["total_steps"])] = 1000
    learning_rate: Annotated[
        float,
        Option(
            "Peak learning rate; see --warmup and --schedule.", RECIPE["learning_rate"], short="lr"
        ),
    ] = 0.01
    batch: Annotated[
        int,
        Option("Documents per step; their gradients are averaged.", RECIPE["batch"], planned=True),
    ] = 1
    schedule: Annotated[
        Schedule,
        Option(
            "Learning rate after the warm-up: falls to zero linearly or along a cosine, or stays "
            "constant.",
            RECIPE["schedule"],
        ),
    ] = Schedule.LINEAR
    warmup: Annotated[
        int,
        Option("Steps over which the learning rate rises from zero.", RECIPE["warmup_steps"]),
    ] = 0
    weight_decay: Annotated[
        float, Option("Decoupled weight decay, as in AdamW.", RECIPE["weight_decay"])
    ] = 0.0
    clip: Annotated[
        float,
        Option(
            "Clip the gradient to this norm; 0 disables clipping.",
            RECIPE["clip_norm"],
            planned=True,
        ),
    ] = 0.0
    moments: Annotated[
        MomentFormat,
        Option(
            "Format of Adam's moments: 4, 2 or about 1 byte per value. `ugpt plan --largest` "
            "compares them.",
            RECIPE["moments"],
            planned=True,
        ),
    ] = MomentFormat.F32
    recompute: Annotated[
        bool,
        Option(
            "Recompute activations in the backward pass: less memory, more time.",
            RECIPE["recompute"],
            planned=True,
        ),
    ] = False

    def recipe(self) -> Recipe:
        """Raises InvalidValue if the values contradict each other."""
        if self.steps < 1:
            raise InvalidValue(f"steps is {self.steps:,}; it must be at least 1.")
        if self.warmup >= self.steps:
            raise InvalidValue(
                f"A warm-up of {counted(self.warmup, 'step')} takes the whole run of "
                f"{self.steps:,}.",
                f"Choose at most --warmup {self.steps - 1}.",
            )
        require_countable(self.steps, self.batch)
        values = _record_values(self, RecipeOptions)
        made = Recipe(beta1=0.85, beta2=0.99, epsilon=1e-8, **values)
        encode_record(made)  # raises InvalidValue
        return made

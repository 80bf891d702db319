"""Options that say how a model is trained, and evaluated."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

from ..data.dataset import count_held_out
from ..errors import InvalidValue
from ..rpc.codec import encode_record
from ..rpc.messages import MomentFormat, Recipe, Schedule
from .numbers import decimal_number, whole_number

_PANEL = "How it is trained"
_EVALUATION = "Validation"
_EVALUATIONS = 20
_EVAL_DOCUMENTS = 500
_DOCUMENTS_MAX = 2**32 - 1  # of the protocol


class ScheduleName(StrEnum):
    """`Schedule` as an option."""

    LINEAR = "linear"
    COSINE = "cosine"
    CONSTANT = "constant"


class MomentsName(StrEnum):
    """`MomentFormat` as an option."""

    F32 = "f32"
    BF16 = "bf16"
    Q8 = "q8"


Steps = Annotated[
    int, typer.Option(help="Number of training steps.", **whole_number(1, 16_777_216))
]
LearningRate = Annotated[
    float,
    typer.Option(
        "--learning-rate",
        "--lr",
        help="Peak learning rate; see --warmup and --schedule.",
        rich_help_panel=_PANEL,
        **decimal_number(0.0, 10.0),
    ),
]
Batch = Annotated[
    int,
    typer.Option(
        help="Documents per step; their gradients are averaged.",
        rich_help_panel=_PANEL,
        **whole_number(1, 1024),
    ),
]
ScheduleOption = Annotated[
    ScheduleName,
    typer.Option(
        help="Learning rate after the warm-up: falls to zero linearly or along a cosine, or stays "
        "constant.",
        rich_help_panel=_PANEL,
    ),
]
Warmup = Annotated[
    int,
    typer.Option(
        help="Steps over which the learning rate rises from zero.",
        rich_help_panel=_PANEL,
        **whole_number(0, 16_777_216),
    ),
]
WeightDecay = Annotated[
    float,
    typer.Option(
        help="Decoupled weight decay, as in AdamW.",
        rich_help_panel=_PANEL,
        **decimal_number(0.0, 1.0),
    ),
]
Clip = Annotated[
    float,
    typer.Option(
        help="Clip the gradient to this norm; 0 disables clipping.",
        rich_help_panel=_PANEL,
        **decimal_number(0.0, 1e6),
    ),
]
Moments = Annotated[
    MomentsName,
    typer.Option(
        help="Format of Adam's moments: 4, 2 or about 1 byte per value. `ugpt plan --largest` "
        "compares them.",
        rich_help_panel=_PANEL,
    ),
]
Recompute = Annotated[
    bool,
    typer.Option(
        "--recompute",
        help="Recompute activations in the backward pass: less memory, more time.",
        rich_help_panel=_PANEL,
    ),
]
Holdout = Annotated[
    str | None,
    typer.Option(
        metavar="PART",
        help="Set aside this part of the file, such as 10% or 500 documents, and compute a "
        "validation loss from it.",
        show_default=False,
        rich_help_panel=_EVALUATION,
    ),
]
EvalEvery = Annotated[
    int | None,
    typer.Option(
        help="Compute the validation loss every so many steps. Default: 20 times in a run. With "
        "--detach, only `ugpt attach` computes it, at the end.",
        show_default=False,
        rich_help_panel=_EVALUATION,
        **whole_number(1),
    ),
]
EvalDocuments = Annotated[
    int | None,
    typer.Option(
        help=f"Most documents to compute the validation loss from. Default: {_EVAL_DOCUMENTS}.",
        show_default=False,
        rich_help_panel=_EVALUATION,
        **whole_number(1),
    ),
]


class Evaluation(NamedTuple):
    """The fields of these names of a run's configuration."""

    held_out: int
    eval_every: int
    eval_documents: int


def evaluation(
    holdout: str | None, every: int | None, most: int | None, documents: int, steps: int
) -> Evaluation:
    """What the options mean for a file of `documents` documents; raises InvalidValue in words."""
    if holdout is None:
        for name, value in (("--eval-every", every), ("--eval-documents", most)):
            if value is not None:
                raise typer.BadParameter(
                    "needs documents that are held out: --holdout 10%", param_hint=name
                )
        return Evaluation(0, 0, 0)
    held_out = count_held_out(holdout, documents)
    return Evaluation(
        held_out, every or max(steps // _EVALUATIONS, 1), min(most or _EVAL_DOCUMENTS, held_out)
    )


def recipe(
    *,
    learning_rate: float = 0.01,
    steps: int = 1000,
    batch: int = 1,
    schedule: ScheduleName = ScheduleName.LINEAR,
    warmup: int = 0,
    weight_decay: float = 0.0,
    clip: float = 0.0,
    moments: MomentsName = MomentsName.F32,
    recompute: bool = False,
) -> Recipe:
    """Karpathy's Adam, and what is asked for beyond it.

    Raises InvalidValue if the values contradict each other.
    """
    if warmup >= steps:
        raise InvalidValue(
            f"A warm-up of {warmup:,} steps takes the whole run of {steps:,}.",
            f"Choose at most --warmup {steps - 1}.",
        )
    if steps * batch > _DOCUMENTS_MAX:
        raise InvalidValue(
            f"{steps:,} steps of {batch:,} documents are more documents than can be counted.",
            f"Choose at most --steps {_DOCUMENTS_MAX // batch}.",
        )
    made = Recipe(
        learning_rate=learning_rate,
        beta1=0.85,
        beta2=0.99,
        epsilon=1e-8,
        total_steps=steps,
        batch=batch,
        schedule=Schedule[schedule.name],
        warmup_steps=warmup,
        weight_decay=weight_decay,
        clip_norm=clip,
        moments=MomentFormat[moments.name],
        recompute=recompute,
    )
    encode_record(made)  # raises InvalidValue
    return made

"""Options that say how a model is trained, and evaluated."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

from ..data.dataset import count_held_out
from ..errors import InvalidValue
from ..rpc.codec import encode_record
from ..rpc.messages import MomentFormat, Recipe, Schedule

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
    int,
    typer.Option(
        metavar="N",
        help="Training steps, each of --batch documents.",
        min=1,
        max=16_777_216,
        rich_help_panel=_PANEL,
    ),
]
LearningRate = Annotated[
    float,
    typer.Option(
        metavar="X",
        help="The highest; --warmup and --schedule decide when it is lower.",
        min=0.0,
        max=10.0,
        rich_help_panel=_PANEL,
    ),
]
Batch = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Documents a step; their gradients are averaged.",
        min=1,
        max=1024,
        rich_help_panel=_PANEL,
    ),
]
ScheduleOption = Annotated[
    ScheduleName,
    typer.Option(
        help="How the learning rate changes after the warm-up: it falls to zero in a straight line "
        "or along half a cosine, or stays.",
        rich_help_panel=_PANEL,
    ),
]
Warmup = Annotated[
    int,
    typer.Option(
        metavar="STEPS",
        help="Let the learning rate rise from zero over so many steps.",
        min=0,
        max=16_777_216,
        rich_help_panel=_PANEL,
    ),
]
WeightDecay = Annotated[
    float,
    typer.Option(
        metavar="X",
        help="Each step takes this times the learning rate off every weight, as AdamW does.",
        min=0.0,
        max=1.0,
        rich_help_panel=_PANEL,
    ),
]
Clip = Annotated[
    float,
    typer.Option(
        metavar="NORM",
        help="Scale a gradient with a larger norm down to it; 0 for no limit.",
        min=0.0,
        max=1e6,
        rich_help_panel=_PANEL,
    ),
]
Moments = Annotated[
    MomentsName,
    typer.Option(
        help="How Adam's moments are kept: 4, 2 or about 1 byte a value. `ugpt plan --largest` "
        "shows what that buys.",
        rich_help_panel=_PANEL,
    ),
]
Recompute = Annotated[
    bool,
    typer.Option(
        "--recompute",
        help="Compute activations again in the backward pass: less memory, more time.",
        rich_help_panel=_PANEL,
    ),
]
Holdout = Annotated[
    str | None,
    typer.Option(
        metavar="PART",
        help="Do not train on this part of the file, such as 10% or 500 documents, but compute a "
        "validation loss from it: the last ones in the shuffled order of the seed.",
        show_default=False,
        rich_help_panel=_EVALUATION,
    ),
]
EvalEvery = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Compute the validation loss after every so many steps, and at the end. Default: 20 "
        "times in a run. With --detach only at the end, by `ugpt attach`.",
        min=1,
        show_default=False,
        rich_help_panel=_EVALUATION,
    ),
]
EvalDocuments = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help=f"Use at most so many of the documents held out. Default: {_EVAL_DOCUMENTS}.",
        min=1,
        show_default=False,
        rich_help_panel=_EVALUATION,
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

    Raises InvalidValue where the values contradict each other.
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

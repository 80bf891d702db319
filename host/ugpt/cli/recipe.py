"""Options that say how a model is trained, and evaluated."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ..runs.save_period import SavePeriod
from ..training.recipe import EVAL_DOCUMENTS
from .numbers import decimal_number, whole_number

_PANEL = "How it is trained"
_EVALUATION = "Validation"


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


def _save_period(text: object) -> SavePeriod:
    try:
        return SavePeriod.parse(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


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
SaveEvery = Annotated[
    SavePeriod,
    typer.Option(
        help="Save a checkpoint in the run folder and in the flash of the board this often: a "
        "time, a number of steps, or `never` for the end only. A kill or a power cut costs what "
        "came after it.",
        parser=_save_period,
        metavar="30s|2m|5000|never",
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
        help=f"Most documents to compute the validation loss from. Default: {EVAL_DOCUMENTS}.",
        show_default=False,
        rich_help_panel=_EVALUATION,
        **whole_number(1),
    ),
]

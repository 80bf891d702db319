"""Options that say how a model is trained, and evaluated."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ..rpc.messages import METHODS, RECIPE
from ..runs.config import Init
from ..runs.save_period import SavePeriod
from ..training.new_run import KEEP_MAX
from ..training.recipe import EVAL_DOCUMENTS
from .numbers import protocol_number, whole_number

_PANEL = "Training"
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
    int, typer.Option(help="Number of training steps.", **protocol_number(RECIPE["total_steps"]))
]
Seed = Annotated[
    int,
    typer.Option(
        help="Seed for the order of the documents and the initial weights.",
        **protocol_number(METHODS["init_weights"].param("seed")),
    ),
]
InitOption = Annotated[
    Init,
    typer.Option(
        help="Source of the initial weights: the device, or this computer exactly as in "
        "Karpathy's microgpt.py."
    ),
]
LearningRate = Annotated[
    float,
    typer.Option(
        "--learning-rate",
        "--lr",
        help="Peak learning rate; see --warmup and --schedule.",
        rich_help_panel=_PANEL,
        **protocol_number(RECIPE["learning_rate"]),
    ),
]
Batch = Annotated[
    int,
    typer.Option(
        help="Documents per step; their gradients are averaged.",
        rich_help_panel=_PANEL,
        **protocol_number(RECIPE["batch"]),
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
        **protocol_number(RECIPE["warmup_steps"]),
    ),
]
WeightDecay = Annotated[
    float,
    typer.Option(
        help="Decoupled weight decay, as in AdamW.",
        rich_help_panel=_PANEL,
        **protocol_number(RECIPE["weight_decay"]),
    ),
]
Clip = Annotated[
    float,
    typer.Option(
        help="Clip the gradient to this norm; 0 disables clipping.",
        rich_help_panel=_PANEL,
        **protocol_number(RECIPE["clip_norm"]),
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
        "time, a number of steps, or `never` (also 0) for the end only. A kill or a power "
        "cut costs what came after it. With --detach a time becomes the number of steps that it "
        "takes when the run begins.",
        parser=_save_period,
        metavar="30s|2m|5000|never",
    ),
]
Keep = Annotated[
    int,
    typer.Option(
        help="How many of the newest checkpoints the run folder keeps. If more than one, it also "
        "keeps the one with the best validation loss.",
        **whole_number(1, KEEP_MAX),
    ),
]
Holdout = Annotated[
    str | None,
    typer.Option(
        metavar="PART",
        help="Hold out this part of the text, such as 10% or 500 documents, and compute a "
        "validation loss from it.",
        show_default=False,
        rich_help_panel=_EVALUATION,
    ),
]
EvalEvery = Annotated[
    int | None,
    typer.Option(
        help="Steps between evaluations of the validation loss. Default: a 20th of the run. With "
        "--detach, only `ugpt attach` evaluates it, at the end.",
        show_default=False,
        rich_help_panel=_EVALUATION,
        **whole_number(1),
    ),
]
EvalDocuments = Annotated[
    int | None,
    typer.Option(
        help=f"Maximum number of documents in an evaluation. Default: {EVAL_DOCUMENTS}.",
        show_default=False,
        rich_help_panel=_EVALUATION,
        **whole_number(1),
    ),
]

"""Options that say what is trained and how, and how it is evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from ..data.dataset import Dataset
from ..runs.config import COUNT_MAX, KEEP_MAX, Init
from ..runs.save_period import SavePeriod
from ..training.options import SEED, ModelOptions, RecipeOptions
from ..training.recipe import EVAL_DOCUMENTS, EvaluationPlan, evaluation
from .numbers import protocol_number, whole_number
from .option_groups import OptionGroup, option


def _save_period(text: object) -> SavePeriod:
    try:
        return SavePeriod.parse(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


ModelGroup = Annotated[ModelOptions, OptionGroup("Model")]
RecipeGroup = Annotated[RecipeOptions, OptionGroup("Training")]
PlannedRecipeGroup = Annotated[RecipeOptions, OptionGroup("Training", planned=True)]
BlockSize = Annotated[int, option(ModelOptions, "block_size", "Model")]
Steps = Annotated[int, option(RecipeOptions, "steps")]
Seed = Annotated[int, typer.Option(help=SEED.help, **protocol_number(SEED.field))]
InitOption = Annotated[
    Init,
    typer.Option(
        help="Source of the initial weights: the device, or this computer exactly as in "
        "Karpathy's microgpt.py."
    ),
]
SaveEvery = Annotated[
    SavePeriod,
    typer.Option(
        help="Save a checkpoint in the run folder and in the flash of the board this often: a "
        "time, a number of steps, or `never` (also 0) for the end only. After a kill or a power "
        "cut, the run goes on from the last checkpoint. With --detach the time is converted to "
        "steps at the speed measured when the run begins.",
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
        rich_help_panel="Validation",
    ),
]


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How the validation loss is computed."""

    holdout: Holdout = None
    eval_every: Annotated[
        int | None,
        typer.Option(
            help="Steps between evaluations of the validation loss. Default: a 20th of the run.",
            show_default=False,
            **whole_number(1, COUNT_MAX),
        ),
    ] = None
    eval_documents: Annotated[
        int | None,
        typer.Option(
            help=f"Maximum number of documents in an evaluation. Default: {EVAL_DOCUMENTS}.",
            show_default=False,
            **whole_number(1, COUNT_MAX),
        ),
    ] = None

    def plan(self, dataset: Dataset, steps: int) -> EvaluationPlan:
        """Raises InvalidValue if nothing can be evaluated that way."""
        documents = len(dataset.documents)
        return evaluation(self.holdout, self.eval_every, self.eval_documents, documents, steps)


EvaluationGroup = Annotated[EvaluationOptions, OptionGroup("Validation")]

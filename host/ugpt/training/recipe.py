"""How a run is evaluated and saved, and how long it is, from what a person chooses."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ..data.dataset import count_validation
from ..errors import InvalidValue, UnfitValue
from ..rpc.messages import METHODS, Recipe
from ..runs.config import COUNT_MAX
from ..runs.save_period import SavePeriod
from ..wording import counted, span

EVALUATIONS = 20
"""In a run, if it is not said how often."""
EVAL_DOCUMENTS = 500
"""The most documents of an evaluation, if no other number is given."""
_DOCUMENTS_MAX = METHODS["documents_write"].param("first").range[1]


class EvaluationPlan(NamedTuple):
    """The fields of these names of a run's configuration."""

    validation_documents: int
    eval_every: int
    eval_documents: int


NO_EVALUATION = EvaluationPlan(0, 0, 0)


def evaluation(
    holdout: str | None, every: int | None, most: int | None, documents: int, steps: int
) -> EvaluationPlan:
    """What these mean for `documents` documents; `holdout` is a part such as `10%` or `500`.

    None takes the default. Raises InvalidValue if nothing can be evaluated that way.
    """
    for name, value in (("--eval-every", every), ("--eval-documents", most)):
        if value is None:
            continue
        if holdout is None:
            raise InvalidValue(
                f"{name} needs documents that are held out.",
                "Add --holdout, such as --holdout 10%.",
            )
        if not 1 <= value <= COUNT_MAX:
            raise InvalidValue(f"{name} is {value:,}; it must be from {span(1, COUNT_MAX)}.")
    if holdout is None:
        return NO_EVALUATION
    count = count_validation(holdout, documents)
    return EvaluationPlan(
        count, every or max(steps // EVALUATIONS, 1), min(most or EVAL_DOCUMENTS, count)
    )


def save_period(text: str) -> SavePeriod:
    """Such as `30s`, `2m`, `5000` for steps, or `never`. Raises InvalidValue."""
    try:
        return SavePeriod.parse(text)
    except ValueError as error:
        raise InvalidValue(f"save_every: {error}.") from None


def with_steps(recipe: Recipe, steps: int) -> Recipe:
    """`recipe` for another number of steps. Raises UnfitValue if the two do not go together."""
    if recipe.warmup_steps >= steps:
        raise UnfitValue(
            f"The warm-up of the run takes {counted(recipe.warmup_steps, 'step')}, and --steps "
            f"{steps} ends before it does.",
            f"Choose at least --steps {recipe.warmup_steps + 1}.",
        )
    require_countable(steps, recipe.batch, UnfitValue)
    return replace(recipe, total_steps=steps)


def require_countable(steps: int, batch: int, error: type[InvalidValue] = InvalidValue) -> None:
    """Raises `error` if so many documents have no numbers."""
    if steps * batch > _DOCUMENTS_MAX:
        raise error(
            f"{counted(steps, 'step')} of {counted(batch, 'document')} are more documents than can "
            "be counted.",
            f"Choose at most --steps {_DOCUMENTS_MAX // batch}.",
        )

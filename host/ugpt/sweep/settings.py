"""What a trial is trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

from ..training.options import SEED, ModelOptions, RecipeOptions, from_words


@dataclass(frozen=True, kw_only=True)
class Settings(RecipeOptions, ModelOptions):
    """The options of `ugpt train` of these names."""

    seed: Annotated[int, SEED] = 42

    def varied(self, words: Mapping[str, Any]) -> Self:
        return replace(self, **from_words(Settings, words))

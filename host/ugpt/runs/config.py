"""What decides the weights of a run: config.toml of its folder."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from ..data.reading import ReadFile, Reading
from ..errors import InvalidValue
from ..rpc.codec import encode_record
from ..rpc.messages import MomentFormat, Recipe, Schedule, Shape

_TEXTS = ("data_sha256", "device", "ugpt")
_VALIDATION_KEY = "held_out"  # in the file, for `validation_documents`
_NUMBERS = ("seed", "save_every", "run_id", _VALIDATION_KEY, "eval_every", "eval_documents")


class Init(StrEnum):
    """Where the initial weights come from."""

    DEVICE = "device"
    MICROGPT = "microgpt"


@dataclass(frozen=True)
class RunConfig:
    """What decides the weights of a run, and for the reader where they came to be."""

    data: Path
    data_sha256: str
    shape: Shape
    recipe: Recipe
    seed: int
    init: Init
    save_every: int
    run_id: int
    device: str
    ugpt: str
    validation_documents: int = 0
    """Documents that are not trained on: the validation split."""
    eval_every: int = 0
    """Steps from one evaluation on documents held out to the next; also after the last step."""
    eval_documents: int = 0
    """The most documents of an evaluation."""
    reading: Reading = field(default_factory=Reading)
    """How the texts were read."""
    files: tuple[ReadFile, ...] = ()
    """All texts, if there are several."""
    changes: tuple[str, ...] = ()
    """What was done to the texts, in sentences."""

    def next_evaluation(self, step: int) -> int:
        """The first step after `step` that an evaluation follows, or that is the last one."""
        total_steps = self.recipe.total_steps
        every = self.eval_every or total_steps
        return min((step // every + 1) * every, total_steps)

    def evaluates_after(self, step: int) -> bool:
        """Whether the model is evaluated after `step` completed steps."""
        return self.validation_documents > 0 and step > 0 and self.next_evaluation(step - 1) == step

    def to_toml(self) -> str:
        import tomli_w  # only whoever writes needs it

        values = asdict(self)
        values[_VALIDATION_KEY] = values.pop("validation_documents")
        return tomli_w.dumps(
            {
                **values,
                "data": str(self.data),
                "reading": _without_none(asdict(self.reading)),
                "files": [{"path": str(file.path), "sha256": file.sha256} for file in self.files],
                "init": str(self.init),
                "recipe": {
                    **asdict(self.recipe),
                    "schedule": self.recipe.schedule.name.lower(),
                    "moments": self.recipe.moments.name.lower(),
                },
            }
        )

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Raises KeyError, TypeError or ValueError if `text` is no configuration."""
        values: dict[str, Any] = tomllib.loads(text)
        _require_types(values)
        values["validation_documents"] = values.pop(_VALIDATION_KEY, 0)
        config = cls(
            **{
                **values,
                "data": Path(values["data"]),
                "shape": Shape(**values["shape"]),
                "recipe": _recipe(values["recipe"]),
                "init": Init(values["init"]),
                "reading": _reading(values.get("reading")),
                "files": tuple(
                    ReadFile(Path(file["path"]), file["sha256"]) for file in values.get("files", ())
                ),
                "changes": tuple(values.get("changes", ())),
            }
        )
        config._require_sense()
        return config

    def _require_sense(self) -> None:
        """Raises ValueError for a model or a training that the device would refuse."""
        try:
            encode_record(self.shape)
            encode_record(self.recipe)
        except InvalidValue as error:
            raise ValueError(error.message.rstrip(".")) from None


def _require_types(values: dict[str, Any]) -> None:
    """Raises KeyError, TypeError or ValueError for an entry of the file that no run writes."""
    for name in _TEXTS:
        if not isinstance(values[name], str):
            raise TypeError(f"{name} is no text")
    for name in _NUMBERS:
        value = values.get(name, 0)
        if type(value) is not int or value < 0:
            raise ValueError(f"{name} is no whole number from 0 on")


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    """TOML has no word for None."""
    return {name: value for name, value in values.items() if value is not None}


def _reading(values: object) -> Reading:
    """Runs of version 0.1.0 do not say how their text was read."""
    if values is None:
        return Reading(keep_marks=True)
    if not isinstance(values, dict):
        raise TypeError("reading is no table")
    return Reading(**values)


def _recipe(values: object) -> Recipe:
    """Whatever is absent was written by a version that knew only the default."""
    if not isinstance(values, dict):
        raise TypeError("recipe is no table")
    named = {
        "schedule": Schedule[str(values.get("schedule", "linear")).upper()],
        "moments": MomentFormat[str(values.get("moments", "f32")).upper()],
    }
    return Recipe(**{**values, **named})

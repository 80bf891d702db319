"""What decides the weights of a run: config.toml of its folder."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from ..data.reading import ReadFile, Reading
from ..errors import InvalidValue
from ..rpc.codec import encode_record
from ..rpc.messages import METHODS, RECIPE, Recipe, Shape
from ..wording import span
from .identity import Identity
from .metrics import STEPS_MAX
from .save_period import EVERY_MINUTE, SavePeriod

FORMAT = 1
"""Of the file; 0.1.0 wrote none. What an older version could not read takes another number."""

_TEXTS = ("data_sha256", "device", "ugpt")
_VALIDATION_KEY = "held_out"  # in the file, for `validation_documents`
_CHOICES = {field.name: field.type for field in RECIPE.fields if isinstance(field.type, type)}
"""Of a recipe, which the file has as words."""
KEEP_MAX = 1000
"""The most checkpoints that a run can be told to keep."""
WORKERS_MAX = 65_536
"""The most workers of a joint run."""
COUNT_MAX = 2**32 - 1
"""Of documents, and of steps between two evaluations or averagings."""

_NUMBERS = {
    "seed": METHODS["init_weights"].param("seed").range,
    "run_id": METHODS["create"].param("run_id").range,
    _VALIDATION_KEY: (0, COUNT_MAX),
    "eval_every": (0, COUNT_MAX),
    "eval_documents": (0, COUNT_MAX),
    "keep": (1, KEEP_MAX),
}


class NewerFormat(ValueError):
    """The file is of a later version."""


class Init(StrEnum):
    """Where the initial weights come from."""

    DEVICE = "device"
    MICROGPT = "microgpt"


@dataclass(frozen=True)
class Extension:
    """The run was given more steps, or fewer, than it had been planned with."""

    after: int
    """Steps completed until then, which followed the plan before."""
    total_steps: int
    """Of the plan before."""
    run_id: int = field(default=0, compare=False)
    """Before it; 0 if it stayed, as it did until 0.2.0."""


@dataclass(frozen=True)
class Parent:
    """The run whose weights another one begins with."""

    path: str
    """Where it was, for the reader; the weights themselves are in the folder of the new run."""
    run_id: int
    step: int
    shape: Shape
    weights_sha256: str


@dataclass(frozen=True)
class Joint:
    """The run is trained by several workers, whose weights are averaged."""

    workers: int
    sync: int
    """Steps from one averaging to the next."""

    def next_sync(self, step: int, total_steps: int) -> int:
        """The first step after `step` at which the workers are averaged."""
        return min((step // self.sync + 1) * self.sync, total_steps)

    def rounds(self, steps: int) -> int:
        """How many rounds have so many steps; the last one may be shorter."""
        return -(-steps // self.sync)


@dataclass(frozen=True)
class RunConfig:
    """What decides the weights of a run, and for the reader where they came to be."""

    data: Path
    data_sha256: str
    shape: Shape
    recipe: Recipe
    seed: int
    init: Init
    save_every: SavePeriod
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
    identity: Identity | None = None
    """The device that the run belongs to; None if it has met none, or was begun before 0.2.0."""
    keep: int = 1
    """How many of the newest checkpoints the folder keeps; if several, also the best one."""
    extensions: tuple[Extension, ...] = ()
    """How the number of steps has changed, in order."""
    parent: Parent | None = None
    """The run that this one begins from; None for weights that are drawn."""
    joint: Joint | None = None
    """How many workers train it; None for a run on one device."""

    @property
    def place(self) -> str:
        """The device in words, without the reason it was chosen for."""
        return self.device.split(";")[0]

    def extended(self, after: int, recipe: Recipe) -> Self:
        """The configuration from `after` completed steps on, with the total of `recipe`."""
        change = Extension(after, self.recipe.total_steps, self.run_id)
        # A device that holds this number has followed this very plan.
        plan = f"{self.run_id} {after} {self.recipe.total_steps} {recipe.total_steps}".encode()
        run_id = int.from_bytes(sha256(plan).digest()[:4], "big") or 1
        extensions = (*self.extensions, change)
        return replace(self, recipe=recipe, extensions=extensions, run_id=run_id)

    @property
    def run_ids(self) -> frozenset[int]:
        """The number of the run, and those that it had before it was extended."""
        return frozenset((self.run_id, *(each.run_id for each in self.extensions))) - {0}

    def next_evaluation(self, step: int) -> int:
        """The first step after `step` that an evaluation follows, or that is the last one."""
        total_steps = self.recipe.total_steps
        every = self.eval_every or total_steps
        return min((step // every + 1) * every, total_steps)

    def last_evaluation(self, step: int) -> int:
        """The last step up to `step` that an evaluation follows; 0 if none does."""
        if not self.validation_documents or step >= self.recipe.total_steps:
            return self.recipe.total_steps if self.validation_documents else 0
        return step // self.eval_every * self.eval_every if self.eval_every else 0

    def evaluates_after(self, step: int) -> bool:
        """Whether the model is evaluated after `step` completed steps."""
        return self.validation_documents > 0 and step > 0 and self.next_evaluation(step - 1) == step

    def to_toml(self) -> str:
        import tomli_w  # only whoever writes needs it

        values = asdict(self)
        values[_VALIDATION_KEY] = values.pop("validation_documents")
        return tomli_w.dumps(
            {
                "format": FORMAT,
                **_without_none(values),
                "data": str(self.data),
                "reading": _without_none(asdict(self.reading)),
                "files": [{"path": str(file.path), "sha256": file.sha256} for file in self.files],
                "init": str(self.init),
                "save_every": str(self.save_every),
                "recipe": recipe_values(self.recipe),
            }
        )

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Raises KeyError, TypeError or ValueError if `text` is no configuration."""
        values: dict[str, Any] = tomllib.loads(text)
        _require_format(values.pop("format", FORMAT))
        _require_types(values)
        values["validation_documents"] = values.pop(_VALIDATION_KEY, 0)
        config = cls(
            **{
                **values,
                "data": Path(values["data"]),
                "shape": Shape(**values["shape"]),
                "recipe": recipe_of(values["recipe"]),
                "init": Init(values["init"]),
                "save_every": _save_period(values["save_every"]),
                "reading": _reading(values.get("reading")),
                "files": tuple(
                    ReadFile(Path(file["path"]), file["sha256"]) for file in values.get("files", ())
                ),
                "identity": _identity(values.get("identity")),
                "changes": tuple(values.get("changes", ())),
                "extensions": tuple(Extension(**each) for each in values.get("extensions", ())),
                "parent": _parent(values.get("parent")),
                "joint": _joint(values.get("joint")),
            }
        )
        config.require_sense()
        return config

    def require_sense(self) -> None:
        """Raises TypeError or ValueError for what cannot be written down and read again, and for a
        model or a training that the device would refuse.
        """
        for name, (least, most) in _NUMBERS.items():
            value = getattr(self, "validation_documents" if name == _VALIDATION_KEY else name)
            _require_number(name, value, least, most)
        for path in (self.data, *(file.path for file in self.files)):
            if "\0" in str(path):
                raise ValueError("the path of a text has a zero byte")
        if not all(isinstance(text, str) for text in self.changes):
            raise TypeError("changes are not texts")
        self.reading.require_types()
        if not all(isinstance(file.sha256, str) for file in self.files):
            raise TypeError("sha256 is not text")
        for change in self.extensions:
            for number in (change.after, change.total_steps):
                _require_number("one of the extensions", number, 0, STEPS_MAX)
            _require_number("run_id of an extension", change.run_id, 0, _NUMBERS["run_id"][1])
        require_encodable(self.shape)
        require_encodable(self.recipe)


def require_encodable(record: Shape | Recipe) -> None:
    """Raises ValueError for numbers outside the ranges that the protocol gives them."""
    try:
        encode_record(record)
    except InvalidValue as error:
        raise ValueError(error.message.rstrip(".")) from None


def _require_format(number: object) -> None:
    if type(number) is not int or number < 1:
        raise ValueError("format is not a format number")
    if number > FORMAT:
        raise NewerFormat(f"format {number}, and this version knows those up to {FORMAT}")


def _parent(values: object) -> Parent | None:
    if values is None:
        return None
    if not isinstance(values, dict):
        raise TypeError("parent is not a table")
    parent = Parent(**{**values, "shape": Shape(**values["shape"])})
    if not all(isinstance(text, str) for text in (parent.path, parent.weights_sha256)):
        raise TypeError("parent is not that of a run")
    _require_number("run_id of the parent", parent.run_id, *_NUMBERS["run_id"])
    _require_number("step of the parent", parent.step, 0, STEPS_MAX)
    require_encodable(parent.shape)
    return parent


def _joint(values: object) -> Joint | None:
    if values is None:
        return None
    if not isinstance(values, dict):
        raise TypeError("joint is not a table")
    joint = Joint(**values)
    _require_number("workers of joint", joint.workers, 1, WORKERS_MAX)
    _require_number("sync of joint", joint.sync, 1, COUNT_MAX)
    return joint


def _require_types(values: dict[str, Any]) -> None:
    """Raises KeyError, TypeError or ValueError for an entry of the file that no run writes."""
    for name in _TEXTS:
        if not isinstance(values[name], str):
            raise TypeError(f"{name} is not text")


def _require_number(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} is not a whole number from {span(least, most)}")


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    """TOML has no word for None."""
    return {name: value for name, value in values.items() if value is not None}


def _reading(values: object) -> Reading:
    """Runs of version 0.1.0 do not say how their text was read."""
    if values is None:
        return Reading(keep_marks=True)
    if not isinstance(values, dict):
        raise TypeError("reading is not a table")
    return Reading(**values)


def _save_period(value: object) -> SavePeriod:
    """Version 0.1.0 wrote a number of steps, and 0 if nobody had chosen one."""
    if type(value) is int:
        return SavePeriod.parse(str(value)) if value else EVERY_MINUTE
    if not isinstance(value, str):
        raise TypeError("save_every is not text")
    return SavePeriod.parse(value)


def _identity(values: object) -> Identity | None:
    return None if values is None else Identity.from_values(values)


def recipe_values(recipe: Recipe) -> dict[str, Any]:
    """A recipe as a file has it, with words for its choices."""
    words = {name: getattr(recipe, name).name.lower() for name in _CHOICES}
    return asdict(recipe) | words


def recipe_of(values: object) -> Recipe:
    """The inverse of `recipe_values`. Raises KeyError, TypeError or ValueError for no recipe.

    Whatever is absent was written by a version that knew only the default.
    """
    if not isinstance(values, dict):
        raise TypeError("recipe is not a table")
    named = {
        name: choice[str(values[name]).upper()]
        for name, choice in _CHOICES.items()
        if name in values
    }
    return Recipe(**{**values, **named})

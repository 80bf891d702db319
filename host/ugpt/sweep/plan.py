"""What a sweep was asked to do: sweep.toml of its folder."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from ..data.reading import Reading
from ..errors import InvalidValue
from ..rpc.messages import MomentFormat, Recipe, Schedule, Shape
from ..runs.errors import NoRun, RunError
from ..runs.files import read_file, write_atomically
from ..training.recipe import recipe
from .axes import Axis, Value, count_combinations, parse_axes

FILE = "sweep.toml"
FORMAT = 1
_MAX_BYTES = 2**20

TRIALS = 20
"""If it is not said how many."""


class Sampler(StrEnum):
    """How the next trial is chosen."""

    TPE = "tpe"
    GRID = "grid"
    RANDOM = "random"


@dataclass(frozen=True)
class Settings:
    """What a trial is trained with, as the options of `ugpt train` of these names."""

    n_layer: int = 1
    n_embd: int = 16
    n_head: int = 4
    block_size: int = 16
    steps: int = 1000
    learning_rate: float = 0.01
    batch: int = 1
    schedule: str = "linear"
    warmup: int = 0
    weight_decay: float = 0.0
    clip: float = 0.0
    moments: str = "f32"
    recompute: bool = False
    seed: int = 42

    def varied(self, values: Mapping[str, Value]) -> Settings:
        changes: dict[str, Any] = dict(values)
        return replace(self, **changes)

    def shape(self, vocab_size: int) -> Shape:
        return Shape(self.n_layer, self.n_embd, self.n_head, self.block_size, vocab_size)

    def recipe(self) -> Recipe:
        """Raises InvalidValue if the values contradict each other."""
        return recipe(
            learning_rate=self.learning_rate,
            steps=self.steps,
            batch=self.batch,
            schedule=Schedule[self.schedule.upper()],
            warmup=self.warmup,
            weight_decay=self.weight_decay,
            clip=self.clip,
            moments=MomentFormat[self.moments.upper()],
            recompute=self.recompute,
        )


@dataclass(frozen=True)
class SweepPlan:
    """Everything that decides a sweep, but for the boards that do it."""

    files: tuple[Path, ...]
    data_sha256: str
    axes: tuple[Axis, ...]
    trials: int
    """How many are made."""
    settings: Settings = field(default_factory=Settings)
    """What does not vary."""
    reading: Reading = field(default_factory=Reading)
    sampler: Sampler = Sampler.TPE
    prune: bool = False
    holdout: str | None = None

    def __post_init__(self) -> None:
        if not self.axes:
            raise InvalidValue(
                "A sweep needs something to vary.", "Add such as --set n_embd=16,32,48."
            )
        if self.sampler is Sampler.GRID:
            object.__setattr__(self, "trials", min(self.trials, count_combinations(self.axes)))
        varies_context = any(axis.name == "block_size" for axis in self.axes)
        if varies_context and self.reading.overlap is not None:
            raise InvalidValue(
                "--text and --window cut the text by the context, so that trials with different "
                "contexts would train on different documents.",
                "Leave block_size out of --set.",
            )

    def write(self, folder: Path) -> None:
        import tomli_w  # only whoever writes needs it

        reading = {key: value for key, value in asdict(self.reading).items() if value is not None}
        values = {
            "format": FORMAT,
            "files": [str(file) for file in self.files],
            "data_sha256": self.data_sha256,
            "set": [str(axis) for axis in self.axes],
            "trials": self.trials,
            "sampler": str(self.sampler),
            "prune": self.prune,
            **({"holdout": self.holdout} if self.holdout else {}),
            "settings": asdict(self.settings),
            "reading": reading,
        }
        write_atomically(folder / FILE, tomli_w.dumps(values).encode())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises RunError if the folder holds no sweep, or what it holds is damaged."""
        content = read_file(folder / FILE, _MAX_BYTES)
        if content is None:
            raise NoRun(f"{folder} is no folder of a sweep: there is no {FILE} in it.")
        try:
            values = tomllib.loads(content.decode())
            if values["format"] > FORMAT:
                raise RunError(
                    f"{folder / FILE} is of a later version of ugpt.", "Update this ugpt."
                )
            return cls(
                tuple(Path(file) for file in values["files"]),
                values["data_sha256"],
                parse_axes(values["set"]),
                int(values["trials"]),
                Settings(**{each.name: values["settings"][each.name] for each in fields(Settings)}),
                Reading(**values["reading"]),
                Sampler(values["sampler"]),
                bool(values["prune"]),
                values.get("holdout"),
            )
        except (KeyError, TypeError, ValueError, InvalidValue):
            raise RunError(
                f"{folder / FILE} is damaged: it does not say what the sweep was asked to do.",
                "Restore the file, or begin a new sweep.",
            ) from None

"""What a sweep was asked to do: sweep.toml of its folder."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from ..data.reading import Reading
from ..errors import InvalidValue
from ..runs.errors import NoRun, RunError
from ..runs.files import is_no_folder, read_file
from ..training.options import to_words
from .axes import NAMES, Axis, count_combinations, parse_axes, require_value
from .settings import Settings

FILE = "sweep.toml"
FORMAT = 1
_MAX_BYTES = 2**20

_NO_PLAN = (
    AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError, InvalidValue,
)  # fmt: skip
"""What reading a file that is no plan ends with."""

TRIALS = 20
"""If it is not said how many."""


class Sampler(StrEnum):
    """How the next trial is chosen."""

    TPE = "tpe"
    GRID = "grid"
    RANDOM = "random"


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
                "A sweep needs something to vary.",
                "Add what varies, such as --set n_embd=16,32,48.",
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

    def to_toml(self) -> str:
        """What `read` reads."""
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
            "settings": to_words(self.settings),
            "reading": reading,
        }
        return tomli_w.dumps(values)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises RunError if the folder holds no sweep, or what it holds is damaged."""
        blocked = is_no_folder(folder)
        content = None if blocked else read_file(folder / FILE, _MAX_BYTES)
        if content is None:
            why = "it is not a folder" if blocked else f"there is no {FILE} in it"
            raise NoRun(
                f"{folder} is not the folder of a sweep: {why}.",
                "Name the folder that `ugpt sweep` has made, such as sweeps/20260101-120000.",
            )
        try:
            values = tomllib.loads(content.decode())
            if values["format"] > FORMAT:
                raise RunError(
                    f"{folder / FILE} is of a later version of ugpt.", "Update this ugpt."
                )
            plan = cls(
                tuple(Path(file) for file in values["files"]),
                values["data_sha256"],
                parse_axes(values["set"]),
                values["trials"],
                Settings().varied(values["settings"]),
                Reading(**values["reading"]),
                Sampler(values["sampler"]),
                values["prune"],
                values.get("holdout"),
            )
            plan._require_sense()
            return plan
        except _NO_PLAN:
            raise RunError(
                f"{folder / FILE} is damaged: it does not say what the sweep was asked to do.",
                "Restore the file, or begin a new sweep.",
            ) from None

    def _require_sense(self) -> None:
        """Raises TypeError, ValueError or InvalidValue for what no sweep writes."""
        of_types = [(self.data_sha256, str), (self.trials, int), (self.prune, bool)]
        of_types += [(self.holdout or "", str)]
        if any(type(value) is not kind for value, kind in of_types):
            raise TypeError("a value is of another type")
        if not self.files or self.trials < 1:
            raise ValueError("there is nothing to do")
        self.reading.require_types()
        # One by one: what they are together may be of no trial.
        for name, value in to_words(self.settings).items():
            if name in NAMES:
                require_value(name, value)
            elif type(value) is not bool:
                raise TypeError(f"{name} is neither true nor false")

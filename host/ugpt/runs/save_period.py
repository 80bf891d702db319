"""How often the checkpoint of a run is saved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from .metrics import STEPS_MAX

_SECONDS_MAX = 86_400
_SECONDS_IN = {"s": 1, "m": 60, "h": 3600}
_FORM = re.compile(r"(?P<number>[0-9]{1,8})(?P<unit>[smh]?)", re.ASCII)

WANTED = "a time such as 30s or 2m, a number of steps such as 5000, or never"


@dataclass(frozen=True)
class SavePeriod:
    """A time, a number of steps, or neither: then only the end of a run is saved."""

    seconds: int = 0
    steps: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Such as `30s`, `2m`, `5000` for steps, or `never`. Raises ValueError."""
        if text in ("never", "0"):  # version 0.1.0 knew only the number
            return cls()
        if found := _FORM.fullmatch(text):
            number, unit = int(found["number"]), found["unit"]
            if not unit and 0 < number <= STEPS_MAX:
                return cls(steps=number)
            if unit and 0 < number * _SECONDS_IN[unit] <= _SECONDS_MAX:
                return cls(seconds=number * _SECONDS_IN[unit])
        raise ValueError(f"{text[:40]!r} is not {WANTED}")

    def __str__(self) -> str:
        """What `parse` takes."""
        if self.steps:
            return str(self.steps)
        if not self.seconds:
            return "never"
        return f"{self.seconds}s" if self.seconds % 60 else f"{self.seconds // 60}m"


EVERY_MINUTE = SavePeriod(seconds=60)
"""What a kill or a power cut costs at most, unless the user says otherwise."""

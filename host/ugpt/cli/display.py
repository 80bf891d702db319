"""Options that say how a run is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from ..view.display import Mode, choose_mode
from .option_groups import OptionGroup
from .options import Json


@dataclass(frozen=True)
class Output:
    """How a run is shown; `--plain` and `--json` together are refused."""

    plain: Annotated[
        bool, typer.Option("--plain", help="Print text lines instead of the dashboard.")
    ] = False
    json: Json = False

    def __post_init__(self) -> None:
        if self.plain and self.json:
            raise typer.BadParameter("choose --plain or --json, not both", param_hint="--json")

    @property
    def mode(self) -> Mode:
        return choose_mode(self.plain, self.json)


OutputGroup = Annotated[Output, OptionGroup()]

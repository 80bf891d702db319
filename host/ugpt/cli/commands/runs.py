"""List the runs: what they are, how far they are, and how good.

Losses are means over 100 steps; `best` is the lowest of them, which for a run of more than some
130,000 steps only `ugpt compare` tells. A run is named by its folder; that name is understood
wherever a command takes a run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...runs.listing import SortKey, list_runs, sorted_runs
from ...view.output import print_json, say
from ...view.runs_table import print_runs, run_json
from ...wording import alternatives
from ..options import Json
from ..paths import path

EXAMPLES = [
    "ugpt runs",
    "ugpt runs ~/experiments --sort val-loss",
    "ugpt runs --json",
]


def command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="Folder that holds runs. Default: runs/, and the runs in this folder.",
            show_default=False,
            parser=path,
        ),
    ] = None,
    sort: Annotated[
        SortKey,
        typer.Option(help=f"Column to sort by: {alternatives(SortKey)}.", metavar="COLUMN"),
    ] = SortKey.AGE,
    json: Json = False,
) -> None:
    runs = sorted_runs(list_runs(folder), sort)
    if json:
        for run in runs:
            print_json(run_json(run))
        return
    if not runs:
        say(f"There are no runs in {folder or 'runs/'}. Start one: ugpt train names")
        return
    print_runs(runs)
    for run in runs:
        if run.problem:
            say(f"{run.name}: {run.problem}")

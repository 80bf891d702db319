"""Compare runs: their settings, losses and curves, without a board.

Losses are means over 100 steps, as in `ugpt runs`. All curves go into one picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...runs.compare_plot import comparison_png
from ...runs.comparison import Compared, differences, open_compared
from ...runs.files import require_replaceable, write_atomically
from ...runs.naming import find_folder
from ...runs.plot import PNG
from ...view.comparison import compared_json, print_comparison, print_samples
from ...view.output import print_json, say
from ..options import Json
from ..paths import output_path
from ..run_names import run_argument

EXAMPLES = [
    "ugpt compare first second",
    "ugpt compare runs/* --picture curves.png",
    "ugpt compare first second --samples     # what they wrote, side by side",
]


def command(
    named: Annotated[list[Path], run_argument("Names or folders of two runs or more.")],
    samples: Annotated[
        bool, typer.Option("--samples", help="Show the texts of samples.txt side by side.")
    ] = False,
    picture: Annotated[
        Path,
        typer.Option(
            help="File for the picture; a picture of that name is replaced.",
            metavar="FILE",
            parser=output_path,
        ),
    ] = Path("comparison.png"),
    json: Json = False,
) -> None:
    if len(named) < 2:
        raise typer.BadParameter("name two runs or more", param_hint="RUN")
    runs = open_compared([find_folder(each) for each in named])
    differing = differences([run.run.config for run in runs])
    written = [_samples(run) for run in runs] if samples else None
    require_replaceable(picture, PNG)
    write_atomically(picture, comparison_png(runs))
    if json:
        print_json({**compared_json(runs, differing, written), "picture": str(picture)})
        return
    print_comparison(runs, differing)
    if written is not None:
        print_samples([run.name for run in runs], written)
    say(f"The curves are in {picture}.")


def _samples(run: Compared) -> list[str]:
    found = run.run.read_samples()
    if found is None:
        say(f"{run.name} has written nothing yet: texts come at the end of a run.")
    return found or []

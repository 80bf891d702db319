"""Write a run as a file for other programs.

`c` and `microgpt` are programs that print what the board writes, without dependencies. `torch` is a
model for PyTorch, `npz` and `safetensors` hold the weights, and `tensorboard` the losses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...export.formats import Format, export
from ...runs.folder import Run
from ...runs.naming import find_folder
from ...view.output import console, print_json
from ...wording import alternatives
from ..options import Json
from ..paths import output_path
from ..run_names import RunArgument

EXAMPLES = [
    "ugpt export names-20260101-120000 --to c",
    "ugpt export runs/first --to microgpt --out first.py",
    "ugpt export runs/first --to torch",
    "ugpt export runs/first --to tensorboard --out logs/first",
]


def command(
    named: RunArgument,
    to: Annotated[
        Format,
        typer.Option("--to", help=f"What to write: {alternatives(Format)}.", metavar="FORMAT"),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write; of tensorboard, the folder. Default: named after the run, in the "
            "current folder.",
            metavar="PATH",
            parser=output_path,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there already.")
    ] = False,
    json: Json = False,
) -> None:
    files = export(Run.open(find_folder(named)), to, out, overwrite=overwrite)
    if json:
        print_json({"files": [str(file) for file in files]})
    else:
        console().tell(f"wrote {' and '.join(map(str, files))}")

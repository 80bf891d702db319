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
from ...view.output import console, print_json
from ..options import Json
from ..paths import path

EXAMPLES = [
    "ugpt export runs/first --to c     # then: cc -O2 -o first first.c && ./first",
    "ugpt export runs/first --to microgpt --out first.py",
    "ugpt export runs/first --to torch",
    "ugpt export runs/first --to tensorboard --out logs/first",
]


def command(
    run_folder: Annotated[
        Path, typer.Argument(help="Folder of the run.", metavar="RUN", parser=path)
    ],
    to: Annotated[Format, typer.Option("--to", help="What to write.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write; of tensorboard, the folder. Default: named after the run, in the "
            "current folder.",
            metavar="PATH",
            parser=path,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there already.")
    ] = False,
    json: Json = False,
) -> None:
    files = export(Run.open(run_folder), to, out, overwrite=overwrite)
    if json:
        print_json({"files": [str(file) for file in files]})
    else:
        console().tell(f"wrote {' and '.join(map(str, files))}")

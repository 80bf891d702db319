"""Runs as arguments: a name or a folder; shells complete the names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from ..runs.naming import known_names
from .paths import path

_UNQUOTED = re.compile(r"[\w.][\w.+=@%,-]*")
"""What a shell takes as one word as it is: bash puts a completion into the line unquoted."""


def names_for_shell(incomplete: str) -> list[str]:
    """The names that begin so, except those that a shell would interpret."""
    names = known_names()
    return [name for name in names if name.startswith(incomplete) and _UNQUOTED.fullmatch(name)]


def run_option(*names: str, help: str) -> Any:
    """An option that takes a run; `find_folder` finds it when the command is run."""
    return typer.Option(
        *names,
        help=help,
        metavar="RUN",
        show_default=False,
        parser=path,
        autocompletion=names_for_shell,
    )


def run_argument(help: str) -> Any:
    """An argument that takes a run, or several."""
    return typer.Argument(
        metavar="RUN", help=help, show_default=False, parser=path, autocompletion=names_for_shell
    )


RunArgument = Annotated[Path, run_argument("Name or folder of a run.")]


RunFolder = Annotated[
    Path | None,
    typer.Option(
        "--run",
        help="Folder for the run. Default: a new folder in runs/.",
        metavar="DIR",
        parser=path,
    ),
]
Resume = Annotated[
    Path | None,
    run_option(
        "--resume",
        help="Continue this run, by name or folder; add --steps to change where it ends.",
    ),
]
ResumeAsPlanned = Annotated[
    Path | None, run_option("--resume", help="Continue this run, by name or folder.")
]

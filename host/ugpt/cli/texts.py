"""Options that say which texts are read and how; the same for every command that reads some."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..data.dataset import Dataset
from ..data.reading import Reading
from ..data.sources import STANDARD_INPUT
from ..rpc.messages import BLOCK_SIZE_MAX
from ..view.output import say
from .numbers import whole_number
from .paths import path

_PANEL = "How the text is read"
_HELP = (
    "Texts, one document (such as a name) per line: files, a folder, - for standard input, or "
    "'names', a built-in list."
)

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", help=_HELP, show_default=False, parser=path),
]
OptionalFiles = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help=_HELP, show_default=False, parser=path),
]
Column = Annotated[
    str,
    typer.Option(
        "--column",
        help="Read only this column of CSV or TSV files, or this field of JSON lines.",
        metavar="NAME",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
RunningText = Annotated[
    bool,
    typer.Option(
        "--text",
        help="Read a file as one running text, in windows of --block-size.",
        rich_help_panel=_PANEL,
    ),
]
Window = Annotated[
    int | None,
    typer.Option(
        "--window",
        help="Cut long documents into windows of --block-size that share so many characters.",
        show_default=False,
        rich_help_panel=_PANEL,
        **whole_number(0, BLOCK_SIZE_MAX - 1),
    ),
]
Lower = Annotated[
    bool, typer.Option("--lower", help="Make all letters small.", rich_help_panel=_PANEL)
]
Dedupe = Annotated[
    bool,
    typer.Option("--dedupe", help="Use only the first of equal documents.", rich_help_panel=_PANEL),
]


def load_texts(files: Sequence[Path], reading: Reading, block_size: int) -> Dataset:
    """Raises DataError or InvalidValue."""
    if STANDARD_INPUT in files and sys.stdin.isatty():
        say("Type the text; Ctrl-D at the start of a line ends it.")
    return Dataset.load(files, reading, block_size)


def say_all(remarks: Iterable[str]) -> None:
    """Says each of the remarks about a text."""
    for remark in remarks:
        say(remark)

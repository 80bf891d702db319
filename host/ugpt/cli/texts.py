"""Options that say which texts are read and how; the same for every command that reads some."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..data.advice import pasted
from ..data.dataset import Dataset
from ..data.errors import DataError, ReadOnce
from ..data.reading import Reading
from ..data.sources import STANDARD_INPUT
from ..errors import InvalidValue
from ..rpc.messages import BLOCK_SIZE_MAX
from ..view.output import say
from .numbers import whole_number

_PANEL = "Reading the text"
_HELP = (
    "Texts, one document (such as a name) per line: files, a folder, - for standard input, or "
    "'names', a built-in list."
)

Files = Annotated[list[Path], typer.Argument(metavar="FILE", help=_HELP, show_default=False)]
OptionalFiles = Annotated[
    list[Path] | None, typer.Argument(metavar="FILE", help=_HELP, show_default=False)
]
MovedTexts = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        help="Training text of the run, if the file has moved; once for each of several.",
        metavar="FILE",
        show_default=False,
    ),
]
Column = Annotated[
    str | None,
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
        help="Read each file as one running text, in windows of --block-size.",
        rich_help_panel=_PANEL,
    ),
]
Window = Annotated[
    int | None,
    typer.Option(
        "--window",
        help="Cut long documents into windows of --block-size that overlap by this many "
        "characters.",
        show_default=False,
        rich_help_panel=_PANEL,
        **whole_number(0, BLOCK_SIZE_MAX - 1),
    ),
]
Lower = Annotated[
    bool, typer.Option("--lower", help="Convert all letters to lower case.", rich_help_panel=_PANEL)
]
Dedupe = Annotated[
    bool,
    typer.Option("--dedupe", help="Skip duplicate documents.", rich_help_panel=_PANEL),
]


def load_texts(files: Sequence[Path], reading: Reading, block_size: int, command: str) -> Dataset:
    """For `command`, such as `ugpt train`. Raises DataError or InvalidValue."""
    if STANDARD_INPUT in files and sys.stdin is not None and sys.stdin.isatty():
        say("Type the text; Ctrl-D at the start of a line ends it.")
    try:
        return Dataset.load(files, reading, block_size)
    except ReadOnce as error:
        raise DataError(error.message, f"Pipe it in: {command} - < {pasted(error.path)}") from None


def reading_of(
    column: str | None, running_text: bool, window: int | None, lower: bool, dedupe: bool
) -> Reading:
    """How the options of a command say that its texts are read. Raises InvalidValue."""
    if column is not None and not column.strip():
        raise InvalidValue(
            "--column needs the name of a column.", "For a table without a header: --column 1"
        )
    return Reading((column or "").strip(), running_text, window, lower, dedupe)


def say_all(remarks: Iterable[str]) -> None:
    """Says each of the remarks about a text."""
    for remark in remarks:
        say(remark)

"""Options that say which texts are read and how; the same for every command that reads some."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from .option_groups import OptionGroup
from .paths import path

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
MovedTexts = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        help="Training text of the run, if the file has moved. Repeat the option for several.",
        metavar="FILE",
        show_default=False,
        parser=path,
    ),
]


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """How texts are read."""

    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            help="Read only this column of CSV or TSV files, or this field of JSON lines.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None
    running_text: Annotated[
        bool,
        typer.Option(
            "--text", help="Read each file as one running text, in windows of --block-size."
        ),
    ] = False
    window: Annotated[
        int | None,
        typer.Option(
            "--window",
            help="Cut long documents into windows of --block-size that overlap by this many "
            "characters.",
            show_default=False,
            **whole_number(0, BLOCK_SIZE_MAX - 1),
        ),
    ] = None
    lower: Annotated[bool, typer.Option("--lower", help="Convert all letters to lower case.")] = (
        False
    )
    dedupe: Annotated[bool, typer.Option("--dedupe", help="Skip duplicate documents.")] = False

    @property
    def reading(self) -> Reading:
        """Raises InvalidValue."""
        if self.column is not None and not self.column.strip():
            raise InvalidValue(
                "--column needs the name of a column.", "For a table without a header: --column 1"
            )
        column = (self.column or "").strip()
        return Reading(column, self.running_text, self.window, self.lower, self.dedupe)

    def load(self, files: Sequence[Path], block_size: int, command: str) -> Dataset:
        """For `command`, such as `ugpt train`. Raises DataError or InvalidValue."""
        reading = self.reading
        if STANDARD_INPUT in files and sys.stdin is not None and sys.stdin.isatty():
            say("Type the text; Ctrl-D at the start of a line ends it.")
        try:
            return Dataset.load(files, reading, block_size)
        except ReadOnce as error:
            advice = f"Pipe it in: {command} - < {pasted(error.path)}"
            raise DataError(error.message, advice) from None


TextGroup = Annotated[TextOptions, OptionGroup("Reading the text")]


def require_files(files: Sequence[Path] | None, otherwise: str) -> Sequence[Path]:
    """The files that a command names; `otherwise` is the option that stands for them."""
    if files:
        return files
    raise typer.BadParameter(
        f"give a text file to train on, `names` for the built-in list of names, or {otherwise}",
        param_hint="FILE",
    )


def say_all(remarks: Iterable[str]) -> None:
    """Says each of the remarks about a text."""
    for remark in remarks:
        say(remark)

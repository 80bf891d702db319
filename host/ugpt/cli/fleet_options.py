"""Options of the commands that use many boards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from ..fleet.boards_file import DEFAULT_FILE
from ..fleet.members import Membership, find_members
from .numbers import whole_number
from .paths import path, port

_BOARDS = "Boards"

Ports = Annotated[
    list[str] | None,
    typer.Option(
        "--port",
        "-p",
        help="Port of a board that is not plugged in here: socket://HOST:PORT, "
        "rfc2217://HOST:PORT, a serial port or its serial number. May be given several times. "
        "Every ESP32 that is plugged in takes part without it.",
        metavar="PORT",
        parser=port,
        rich_help_panel=_BOARDS,
        show_default=False,
    ),
]
BoardsFile = Annotated[
    Path | None,
    typer.Option(
        "--boards",
        help="File that lists boards; docs/fleet.md shows one. Default: boards.toml, if there is "
        "one in this folder.",
        metavar="FILE",
        parser=path,
        rich_help_panel=_BOARDS,
        show_default=False,
    ),
]
Virtual = Annotated[
    int,
    typer.Option(
        "--virtual",
        help="Number of virtual boards to add.",
        rich_help_panel=_BOARDS,
        **whole_number(0, 256),
    ),
]
PacedBoards = Annotated[
    bool,
    typer.Option(
        "--pace",
        help="Slow the virtual boards down to the estimated speed of a board.",
        rich_help_panel=_BOARDS,
    ),
]


def boards_file(named: Path | None) -> Path | None:
    """The list of boards: the file that is named, else boards.toml if there is one."""
    return DEFAULT_FILE if named is None and DEFAULT_FILE.is_file() else named


def check_pace(pace: bool, virtual: int) -> None:
    """Refuses `--pace` without a virtual board that it could slow down."""
    if pace and not virtual:
        raise typer.BadParameter("there is no virtual board: add --virtual", param_hint="--pace")


class Boards(NamedTuple):
    """Which boards take part."""

    ports: Sequence[str]
    file: Path | None
    virtual: int
    pace: bool

    @property
    def are_named(self) -> bool:
        """Whether there are others than those that are plugged in."""
        return bool(self.ports or self.file or self.virtual)

    @property
    def options(self) -> tuple[str, ...]:
        """The words of a command line that name them."""
        words = [word for port in self.ports for word in ("--port", port)]
        words += ["--boards", str(self.file)] if self.file and self.file != DEFAULT_FILE else []
        words += ["--virtual", str(self.virtual)] if self.virtual else []
        return (*words, *(["--pace"] if self.pace else []))

    async def found(self) -> Membership:
        """Those that answer. Raises NoBoards if there is none."""
        return await find_members(
            self.ports, boards_file=self.file, virtual=self.virtual, pace=self.pace
        )

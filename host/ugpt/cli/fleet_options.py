"""Options of the commands that use many boards."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..fleet.boards_file import DEFAULT_FILE
from ..fleet.members import Membership, find_members
from ..fleet.places import Place, places
from .numbers import whole_number
from .option_groups import OptionGroup
from .paths import path, port


@dataclass(frozen=True, kw_only=True)
class Boards:
    """Which boards take part."""

    ports: Annotated[
        list[str] | None,
        typer.Option(
            "--port",
            "-p",
            help="Add the board at this port: socket://HOST:PORT, rfc2217://HOST:PORT, a serial "
            "port or its serial number. May be given several times. Every ESP32 that is plugged in "
            "takes part anyway.",
            metavar="PORT",
            parser=port,
            show_default=False,
        ),
    ] = None
    boards: Annotated[
        Path | None,
        typer.Option(
            "--boards",
            help="File that lists boards; docs/fleet.md shows one. Default: boards.toml, if there "
            "is one in this folder.",
            metavar="FILE",
            parser=path,
            show_default=False,
        ),
    ] = None
    virtual: Annotated[
        int,
        typer.Option("--virtual", help="Number of virtual boards to add.", **whole_number(0, 256)),
    ] = 0
    pace: Annotated[
        bool,
        typer.Option(
            "--pace", help="Slow the virtual boards down to the estimated speed of a board."
        ),
    ] = False

    def __post_init__(self) -> None:
        if self.pace and not self.virtual:
            raise typer.BadParameter(
                "there is no virtual board: add --virtual", param_hint="--pace"
            )

    @property
    def file(self) -> Path | None:
        """The list of boards: the file that is named, else boards.toml if there is one."""
        if self.boards is None and os.path.lexists(DEFAULT_FILE):
            return DEFAULT_FILE
        return self.boards

    @property
    def any_named(self) -> bool:
        """Whether more is wanted than what is plugged in."""
        return bool(self.ports or self.file or self.virtual)

    @property
    def words(self) -> tuple[str, ...]:
        """Those of a command line that name them."""
        words = [word for port in self.ports or () for word in ("--port", port)]
        is_default = self.boards in (None, DEFAULT_FILE)
        words += [] if is_default else ["--boards", str(self.boards)]
        words += ["--virtual", str(self.virtual)] if self.virtual else []
        return (*words, *(["--pace"] if self.pace else []))

    def places(self) -> list[Place]:
        return places(self.ports or (), self.file, virtual=self.virtual, pace=self.pace)

    async def members(self) -> Membership:
        """Those that answer. Raises NoBoards if none does."""
        return await find_members(
            self.ports or (), boards_file=self.file, virtual=self.virtual, pace=self.pace
        )


BoardGroup = Annotated[Boards, OptionGroup("Boards")]

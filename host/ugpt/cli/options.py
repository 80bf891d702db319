"""Options that several commands share."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ..device.ports import VIRTUAL
from ..device.target import Target
from ..rpc.messages import BLOCK_SIZE_MAX
from .numbers import whole_number
from .paths import path, port

T = TypeVar("T")

_CONNECTION = "Connection"
_SHAPE = "Shape of the model"

Port = Annotated[
    str | None,
    typer.Option(
        "--port",
        "-p",
        help="Serial port, pseudo-terminal, socket://HOST:PORT, or 'virtual'. Default: the ESP32 "
        "that is plugged in, or the virtual device if there is none.",
        metavar="PORT",
        parser=port,
    ),
]
Baud = Annotated[
    int | None,
    typer.Option(
        help="Highest baud rate to use. Default: the highest that works.",
        rich_help_panel=_CONNECTION,
        **whole_number(9600, 5_000_000),
    ),
]
NoReset = Annotated[
    bool,
    typer.Option(
        "--no-reset",
        help="Keep the control lines of the port as they are, so that the next connection does not "
        "restart the board.",
        rich_help_panel=_CONNECTION,
    ),
]
Plain = Annotated[bool, typer.Option("--plain", help="Print text lines instead of the dashboard.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]

Pace = Annotated[
    bool,
    typer.Option(
        "--pace",
        help="Let the virtual device take the time that the board is estimated to take.",
        rich_help_panel=_CONNECTION,
    ),
]

NLayer = Annotated[
    int,
    typer.Option(
        help="Number of transformer blocks.", rich_help_panel=_SHAPE, **whole_number(1, 64)
    ),
]
NEmbd = Annotated[
    int,
    typer.Option(
        help="Width of the residual stream; a multiple of --n-head.",
        rich_help_panel=_SHAPE,
        **whole_number(1, 1024),
    ),
]
NHead = Annotated[
    int,
    typer.Option(
        help="Attention heads per block.",
        rich_help_panel=_SHAPE,
        **whole_number(1, 64),
    ),
]
BlockSize = Annotated[
    int,
    typer.Option(
        help="Context length in characters.",
        rich_help_panel=_SHAPE,
        **whole_number(1, BLOCK_SIZE_MAX),
    ),
]
Board = Annotated[str, typer.Option(help="Board to simulate.", metavar="BOARD")]
Flash = Annotated[
    Path | None,
    typer.Option(
        help="File with the flash of the virtual device; created if needed.",
        metavar="FILE",
        parser=path,
    ),
]

SEED_MAX = 2**64 - 1


@contextmanager
def board_to_ask(target: Target, board: str | None) -> Iterator[Target]:
    """The device at `target`, or a virtual `board` with a flash of its own."""
    if board is None:
        yield target
        return
    with tempfile.TemporaryDirectory() as folder:
        yield dataclasses.replace(target, port=VIRTUAL, board=board, flash=Path(folder) / "flash")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a command; one that is interrupted ends with the exit status that shells expect."""
    try:
        return asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None

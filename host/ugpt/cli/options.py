"""Options that several commands share."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ..device.ports import VIRTUAL
from ..device.target import Target
from ..device.virtual import IN_MEMORY
from ..rpc.messages import METHODS, SHAPE
from .ending import Status, ending
from .numbers import protocol_number, whole_number
from .paths import path, port
from .signals import cancelled_by_signals

T = TypeVar("T")

_CONNECTION = "Connection"
_SHAPE = "Model"

Port = Annotated[
    str | None,
    typer.Option(
        "--port",
        "-p",
        help="Serial port, its serial number, pseudo-terminal, socket://HOST:PORT, "
        "rfc2217://HOST:PORT, or 'virtual'. Default: the ESP32 that is plugged in, or the virtual "
        "device if there is none.",
        metavar="PORT",
        parser=port,
    ),
]
Baud = Annotated[
    int | None,
    typer.Option(
        help="Highest baud rate to use. Default: the highest that works.",
        rich_help_panel=_CONNECTION,
        **protocol_number(METHODS["set_baud"].param("baud")),
    ),
]
NoReset = Annotated[
    bool,
    typer.Option(
        "--no-reset",
        help="Leave the control lines of the port alone when it is closed, so that the next "
        "connection does not restart the board.",
        rich_help_panel=_CONNECTION,
    ),
]
StoryContext = Annotated[
    int | None,
    typer.Option(
        "--context",
        help="Tokens that a story has room for, with its prompt. Fewer leave more memory to the "
        "weights. Default: 256, or what the model was trained for if that is less.",
        show_default=False,
        **whole_number(2, METHODS["text_begin"].param("context").range[1]),
    ),
]
Plain = Annotated[bool, typer.Option("--plain", help="Print text lines instead of the dashboard.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]

Pace = Annotated[
    bool,
    typer.Option(
        "--pace",
        help="Slow the virtual device down to the estimated speed of the board.",
        rich_help_panel=_CONNECTION,
    ),
]

Threads = Annotated[
    int,
    typer.Option(
        "--threads",
        help="Let the virtual device compute in so many threads. The results are the same.",
        rich_help_panel=_CONNECTION,
        **whole_number(1, 64),
    ),
]

NLayer = Annotated[
    int,
    typer.Option(
        help="Number of transformer blocks.",
        rich_help_panel=_SHAPE,
        **protocol_number(SHAPE["n_layer"]),
    ),
]
NEmbd = Annotated[
    int,
    typer.Option(
        help="Width of the residual stream; a multiple of --n-head.",
        rich_help_panel=_SHAPE,
        **protocol_number(SHAPE["n_embd"]),
    ),
]
NHead = Annotated[
    int,
    typer.Option(
        help="Attention heads per block.",
        rich_help_panel=_SHAPE,
        **protocol_number(SHAPE["n_head"]),
    ),
]
BlockSize = Annotated[
    int,
    typer.Option(
        help="Context length in characters.",
        rich_help_panel=_SHAPE,
        **protocol_number(SHAPE["block_size"]),
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


def board_to_ask(target: Target, board: str | None) -> Target:
    """The device at `target`, or a virtual `board` with a flash of its own."""
    if board is None:
        return target
    return dataclasses.replace(target, port=VIRTUAL, board=board, flash=IN_MEMORY)


def given_options(context: typer.Context) -> dict[str, str]:
    """The parameters that the command line names, and how they are written there."""
    return {
        name: parameter.opts[0]
        for parameter in context.command.params
        if (name := parameter.name)
        and (source := context.get_parameter_source(name))
        and source.name == "COMMANDLINE"
    }


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a command, which a signal cancels."""
    try:
        return asyncio.run(cancelled_by_signals(work))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(Status.INTERRUPTED) from None
    finally:
        work.close()  # if it never began


def run_until_interrupted(work: Coroutine[Any, Any, object]) -> None:
    """Runs a command that has no end of its own: Ctrl-C is the good way out of it."""
    try:
        run(work)
    except typer.Exit:
        if ending.signal not in (None, signal.SIGINT):
            raise

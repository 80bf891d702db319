"""Options that several commands share."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Collection, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ..device.ports import VIRTUAL
from ..device.target import Target
from ..device.virtual import IN_MEMORY
from ..rpc.messages import METHODS
from .ending import Status, ending
from .numbers import protocol_number, whole_number
from .option_groups import CONNECTION, OptionGroup
from .paths import path, port
from .signals import cancelled_by_signals

T = TypeVar("T")

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
        rich_help_panel=CONNECTION,
        **protocol_number(METHODS["set_baud"].param("baud")),
    ),
]
NoReset = Annotated[
    bool,
    typer.Option(
        "--no-reset",
        help="Leave the control lines of the port alone when it is closed, so that the next "
        "connection does not restart the board.",
        rich_help_panel=CONNECTION,
    ),
]


def story_context(panel: str | None = None) -> Any:
    """An option in this panel of the help."""
    return typer.Option(
        "--context",
        help="Tokens that a story has room for, with its prompt. A smaller number leaves more "
        "memory for the weights. Default: 256, or what the model was trained for if that is less.",
        show_default=False,
        rich_help_panel=panel,
        **whole_number(2, METHODS["text_begin"].param("context").range[1]),
    )


StoryContext = Annotated[int | None, story_context()]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]

Pace = Annotated[
    bool,
    typer.Option(
        "--pace",
        help="Slow the virtual device down to the estimated speed of the board.",
        rich_help_panel=CONNECTION,
    ),
]

Threads = Annotated[
    int,
    typer.Option(
        "--threads",
        help="Let the virtual device compute in this many threads. The results are the same.",
        rich_help_panel=CONNECTION,
        **whole_number(1, 64),
    ),
]


@dataclass(frozen=True)
class NamedTarget(Target):
    """A device as the options of a command name it."""

    port: Port = None
    baud: Baud = None
    no_reset: NoReset = False


TargetGroup = Annotated[NamedTarget, OptionGroup()]
BOARDS = "esp32, esp32s3, esp32s3-psram or esp32c3"
Board = Annotated[str, typer.Option(help=f"Board to simulate: {BOARDS}.", metavar="BOARD")]
Flash = Annotated[
    Path | None,
    typer.Option(
        help="File with the flash of the virtual device; created if needed.",
        metavar="FILE",
        parser=path,
    ),
]


def paced(target: Target) -> tuple[str, ...]:
    """The words of a command line that name the device and its pace."""
    return (*target.option, "--pace") if target.pace else target.option


def board_to_ask(target: Target, board: str | None) -> Target:
    """The device at `target`, or a virtual `board` with a flash of its own."""
    if board is None:
        return target
    return replace(target, port=VIRTUAL, board=board, flash=IN_MEMORY)


def given_options(context: typer.Context) -> dict[str, str]:
    """The parameters that the command line names, and how they are written there."""
    return {
        name: parameter.opts[0]
        for parameter in context.command.params
        if (name := parameter.name)
        and (source := context.get_parameter_source(name))
        and source.name == "COMMANDLINE"
    }


def refuse_given(context: typer.Context, refused: Collection[str], why: str) -> None:
    """Raises BadParameter if the command line names one of these parameters."""
    for name, option in given_options(context).items():
        if name in refused:
            raise typer.BadParameter(why, param_hint=option)


def refuse_others(context: typer.Context, allowed: Collection[str], why: str) -> None:
    """Raises BadParameter if the command line names any other parameter."""
    refuse_given(context, given_options(context).keys() - set(allowed), why)


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

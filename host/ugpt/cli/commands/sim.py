"""Run a virtual device that other programs can connect to."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from ...device import virtual
from ...device.simulator import simulator
from ...rpc.address import parse_listen
from ...view.output import console, say
from ...view.streams import OutputLost
from ..options import Board, Flash, Pace, Threads, run_until_interrupted

EXAMPLES = [
    "ugpt sim",
    "ugpt sim --listen localhost:5555",
    "ugpt sim --pace     # takes its time, as a board does",
    "ugpt train names --port socket://localhost:5555     # in another terminal",
]


def command(
    pty: Annotated[
        bool, typer.Option("--pty", help="Offer a pseudo-terminal. This is the default.")
    ] = False,
    listen: Annotated[
        str | None,
        typer.Option(help="Listen on TCP instead; port 0 picks a free port.", metavar="HOST:PORT"),
    ] = None,
    board: Board = "esp32",
    flash: Flash = None,
    pace: Pace = False,
    threads: Threads = 1,
) -> None:
    if pty and listen is not None:
        raise typer.BadParameter("choose --pty or --listen, not both", param_hint="--listen")
    extra = ["--pty"] if listen is None else ["--listen", str(parse_listen(listen))]
    if flash is None:
        _, remark = virtual.kept_flash(board)
        if remark:
            say(f"The device forgets all when it ends: {remark}.")
    arguments = virtual.command(board, flash, extra, pace, threads)
    name = f"{board}, at its estimated pace" if pace else board
    warning = ""
    if listen and not virtual.is_loopback(listen.rpartition(":")[0]):
        warning = f"Whoever reaches {listen} can use this device: it asks for no password."
    run_until_interrupted(_simulate(arguments, name, warning))


async def _simulate(arguments: list[str], name: str, warning: str) -> None:
    """Until the device ends, or this is cancelled."""
    async with simulator(arguments) as device:
        if device.address:
            if warning:
                say(warning)
            with contextlib.suppress(OutputLost):  # the device is there all the same
                console().tell(f"virtual device (board {name}) at {device.address}")
            say(f"ugpt train FILE --port {device.address}     # Ctrl-C here ends the device")
        await device.wait()

"""Run a virtual device that other programs can connect to."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

import typer

from ...device import virtual
from ...rpc.errors import DeviceProgramError
from ...view.output import console, say
from ..options import Board, Flash, Pace, run
from ..signals import on_end_signals

EXAMPLES = [
    "ugpt sim",
    "ugpt sim --listen localhost:5555",
    "ugpt sim --pace     # takes its time, as a board does",
    "ugpt train names --port socket://localhost:5555     # in another terminal",
]

_STOP_TIMEOUT_S = 5.0


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
) -> None:
    if pty and listen:
        raise typer.BadParameter("choose --pty or --listen, not both", param_hint="--listen")
    extra = ["--listen", listen] if listen else ["--pty"]
    # However this process ends, the device is not left behind, holding its port and its flash.
    arguments = virtual.command(board, flash, [*extra, "--end-with-stdin"], pace)
    if listen and not virtual.is_loopback(listen.rpartition(":")[0]):
        say(f"Whoever reaches {listen} can use this device: it asks for no password.")
    run(_simulate(arguments, f"{board}, at its estimated pace" if pace else board))


async def _simulate(arguments: list[str], name: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    asked_to_stop = asyncio.Event()
    with on_end_signals(asked_to_stop.set):
        await _watch(process, asked_to_stop, name)


async def _watch(
    process: asyncio.subprocess.Process, asked_to_stop: asyncio.Event, name: str
) -> None:
    """Until the device ends, or is to end."""
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        address = (await process.stdout.readline()).decode().strip()
        if address:
            console().print(f"virtual device (board {name}) at {address}")
            say(f"ugpt train FILE --port {address}     # Ctrl-C here ends the device")
        stopping = asyncio.create_task(asked_to_stop.wait())
        ending = asyncio.create_task(process.wait())
        await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not asked_to_stop.is_set():
            reason = (await process.stderr.read()).decode(errors="replace").strip()
            raise DeviceProgramError(
                f"The virtual device ended: {reason or f'exit status {process.returncode}'}.",
                "Correct the option it names." if not address else "",
            )
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()

"""Run a virtual device that other programs can connect to."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

import typer

from ...device import virtual
from ...rpc.address import parse_listen
from ...rpc.transport import ended_error
from ...view.output import console, say
from ...view.streams import OutputLost
from ..options import Board, Flash, Pace, Threads, run_until_interrupted

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
    threads: Threads = 1,
) -> None:
    if pty and listen is not None:
        raise typer.BadParameter("choose --pty or --listen, not both", param_hint="--listen")
    extra = ["--pty"] if listen is None else ["--listen", str(parse_listen(listen))]
    if flash is None:
        _, remark = virtual.kept_flash(board)
        if remark:
            say(f"The device forgets all when it ends: {remark}.")
    # However this process ends, the device is not left behind, holding its port and its flash.
    arguments = virtual.command(board, flash, [*extra, "--end-with-stdin"], pace, threads)
    if listen and not virtual.is_loopback(listen.rpartition(":")[0]):
        say(f"Whoever reaches {listen} can use this device: it asks for no password.")
    run_until_interrupted(
        _simulate(arguments, f"{board}, at its estimated pace" if pace else board)
    )


async def _simulate(arguments: list[str], name: str) -> None:
    """Until the device ends, or this is cancelled."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        await _watch(process, name)
    finally:
        await _end(process)


async def _watch(process: asyncio.subprocess.Process, name: str) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    address = (await process.stdout.readline()).decode().strip()
    if address:
        with contextlib.suppress(OutputLost):  # the device is there all the same
            console().tell(f"virtual device (board {name}) at {address}")
        say(f"ugpt train FILE --port {address}     # Ctrl-C here ends the device")
    await process.wait()
    said = (await process.stderr.read()).decode(errors="replace").splitlines()
    raise ended_error("virtual device", process.returncode, said[-1] if said else "")


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()  # which ends it too, should it ignore signals
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

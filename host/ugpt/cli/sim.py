"""`ugpt sim`: a virtual device for others to connect to."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

import typer

from .. import virtual
from ..errors import DeviceProgramError
from ._options import END_SIGNALS, Board, Flash, run
from ._output import console, say

EXAMPLES = [
    "ugpt sim",
    "ugpt sim --listen localhost:5555",
    "ugpt train data/names.txt --port socket://localhost:5555     # in another terminal",
]

_STOP_TIMEOUT_S = 5.0


def command(
    pty: Annotated[
        bool, typer.Option("--pty", help="Be a pseudo-terminal. This is the default.")
    ] = False,
    listen: Annotated[
        str | None,
        typer.Option(
            help="Accept TCP connections instead; port 0 takes a free one.", metavar="HOST:PORT"
        ),
    ] = None,
    board: Board = "esp32",
    flash: Flash = None,
) -> None:
    """Run a virtual device until Ctrl-C, and say where to connect."""
    if pty and listen:
        raise typer.BadParameter("choose --pty or --listen, not both", param_hint="--listen")
    extra = ["--listen", listen] if listen else ["--pty"]
    # However this process ends, the device is not left behind, holding its port and its flash.
    run(_simulate(virtual.command(board, flash, [*extra, "--end-with-stdin"]), board))


async def _simulate(arguments: list[str], board: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in END_SIGNALS:
        loop.add_signal_handler(number, asked_to_stop.set)
    try:
        address = (await process.stdout.readline()).decode().strip()
        if address:
            console().print(f"virtual device (board {board}) at {address}")
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

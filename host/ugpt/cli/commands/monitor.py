"""Show the log and the output of the board until Ctrl-C.

Decodes the addresses of a crash, and waits if the port disappears.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer

from ...concurrency import run_together
from ...device.target import Target
from ...diagnostics.monitor import Monitor
from ...firmware.backtrace import Symbols, code_addresses, elf_digest, newest_elf
from ...firmware.build import find_project
from ...firmware.errors import ToolError
from ...rpc.messages import LogLevel
from ...rpc.receiver import LogLine
from ...view.output import console, say
from ...view.style import QUIET, WARNING
from ..options import NoReset, Port, run_until_interrupted
from ..paths import path

EXAMPLES = [
    "ugpt monitor",
    "ugpt monitor --port /dev/ttyUSB0 --elf device/.pio/build/esp32dev/firmware.elf",
]

_STYLES = {LogLevel.ERROR: "red", LogLevel.WARNING: WARNING, LogLevel.INFO: ""}
_COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*m")


def command(
    port: Port = None,
    elf: Annotated[
        Path | None,
        typer.Option(
            help="ELF file of the firmware, to show the source lines of a crash. Default: the "
            "newest build.",
            metavar="FILE",
            parser=path,
        ),
    ] = None,
    listen_only: Annotated[
        bool,
        typer.Option("--listen-only", help="Send nothing to the board, and show plain text only."),
    ] = False,
    no_reset: NoReset = False,
) -> None:
    symbols = Symbols(elf) if elf else _built_symbols()
    run_until_interrupted(_monitor(Target(port, no_reset=no_reset), symbols, listen_only))


def _built_symbols() -> Symbols | None:
    project = find_project()
    elf = newest_elf(project) if project else None
    try:
        return Symbols(elf) if elf else None
    except ToolError:
        return None  # said when there is something to decode


async def _monitor(target: Target, symbols: Symbols | None, listen_only: bool) -> None:
    said: asyncio.Queue[LogLine | str] = asyncio.Queue()
    monitor = Monitor(target, said.put_nowait, said.put_nowait, listen_only=listen_only)
    await run_together(_show(said, symbols), monitor.run())


async def _show(said: asyncio.Queue[LogLine | str], symbols: Symbols | None) -> None:
    """Lines of the board and remarks on it, in the order in which they came."""
    while True:
        line = await said.get()
        if isinstance(line, str):
            say(line)
            continue
        text = _COLOUR_CODES.sub("", line.text)
        style = "" if line.level is None else _STYLES[line.level]
        console().result(text, style)
        if addresses := code_addresses(text):
            await _decode(addresses, symbols)
        if symbols and (digest := elf_digest(text)) and not symbols.belongs_to(digest):
            say(f"The board runs another build than {symbols.elf}: its lines may be wrong.")


async def _decode(addresses: list[int], symbols: Symbols | None) -> None:
    if symbols is None:
        say("The ELF file of the firmware names the lines of this: ugpt monitor --elf FILE")
        return
    try:
        for line in await symbols.describe(addresses):
            console().tell((f"    {line}", QUIET))
    except ToolError as error:
        say(str(error))

"""Show the log and the output of the board until Ctrl-C.

What you type on a terminal goes to the board. After `ugpt autorun on --console`, type the
beginning of a story and press Enter; Ctrl-X stops the story.

Decodes the addresses of a crash, and waits if the port disappears.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ...concurrency import run_together
from ...device.target import Target
from ...diagnostics.monitor import Monitor
from ...firmware.backtrace import Symbols, code_addresses, elf_digest, newest_elf
from ...firmware.build import find_project
from ...firmware.errors import ToolError
from ...rpc.frames import COLOUR
from ...rpc.messages import LogLevel
from ...rpc.receiver import LogLine
from ...view.growing_line import GrowingLine
from ...view.job import Job
from ...view.keyboard import can_converse, open_keyboard
from ...view.output import console, say
from ...view.style import QUIET, WARNING
from ..options import NoReset, Port, run_until_interrupted
from ..paths import path

EXAMPLES = [
    "ugpt monitor",
    "ugpt monitor --port /dev/ttyUSB0 --elf device/.pio/build/esp32dev/firmware.elf",
]

_STYLES = {LogLevel.ERROR: "red", LogLevel.WARNING: WARNING, LogLevel.INFO: ""}


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
    screen = _Screen(symbols)
    talks = not listen_only and can_converse()
    monitor = Monitor(
        target,
        screen.said.put_nowait,
        screen.said.put_nowait,
        on_begun=screen.begin if talks else None,
        listen_only=listen_only,
    )
    if not talks:
        await run_together(screen.show(), monitor.run())
        return
    typed: asyncio.Queue[str] = asyncio.Queue()
    keyboard = open_keyboard(typed.put_nowait)

    def enter() -> None:
        screen.break_line()  # a shell may have written behind it
        keyboard.start()

    def leave() -> None:
        screen.break_line()
        keyboard.stop()

    job = Job(enter, leave)
    keyboard.start()
    job.begin()
    try:
        say("What you type goes to the board. Ctrl-X stops a story; Ctrl-C ends the monitor.")
        await run_together(
            screen.show(), monitor.run(), _pass_on(typed, monitor), job.watch_shell()
        )
    finally:
        job.end()
        keyboard.stop()


async def _pass_on(typed: asyncio.Queue[str], monitor: Monitor) -> None:
    while True:
        await monitor.send(await typed.get())


@dataclass(frozen=True)
class _Begun:
    """A line that has not ended, as far as it has come."""

    text: str


class _Screen:
    """Lines of the board and remarks on it, in the order in which they came."""

    def __init__(self, symbols: Symbols | None) -> None:
        self.said: asyncio.Queue[LogLine | _Begun | str] = asyncio.Queue()
        self._symbols = symbols
        self._line = GrowingLine(console())

    def begin(self, text: str) -> None:
        self.said.put_nowait(_Begun(text))

    def break_line(self) -> None:
        """What follows stands in a line of its own, if anything is shown."""
        self._line.end()

    async def show(self) -> None:
        try:
            while True:
                await self._show(await self.said.get())
        finally:
            self.break_line()  # the shell goes on in a line of its own

    async def _show(self, said: LogLine | _Begun | str) -> None:
        if isinstance(said, _Begun):
            self._line.become(COLOUR.sub("", said.text))
        elif isinstance(said, str):
            self._line.end()
            say(said)
        else:
            await self._show_line(said)

    async def _show_line(self, line: LogLine) -> None:
        text = COLOUR.sub("", line.text)
        if line.level is None and self._line.is_begun:
            self._line.become(text)
            self._line.end()
        else:
            self._line.end()
            console().result(text, "" if line.level is None else _STYLES[line.level])
        if addresses := code_addresses(text):
            await _decode(addresses, self._symbols)
        symbols = self._symbols
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

"""Finding the highest rate at which both ends and everything between them are dependable."""

from __future__ import annotations

import contextlib
import random
from typing import Protocol, TypeVar

from . import messages
from .errors import DeviceError, NoAnswer, PortError
from .messages import BAUD_TRIAL_MS, FIRST_BAUD, FRAME_MIN_BYTES
from .schema import Call
from .stats import LinkStats

ResultT = TypeVar("ResultT")

# What CP2102, FT232 and CH340 bridges carry; a board behind another one is asked for by `baud`.
RATES = (921600, 460800, 230400)

_TRIAL_PINGS = 6
_TRIAL_BYTES = FRAME_MIN_BYTES - 64
_RETURN_S = BAUD_TRIAL_MS / 1000 + 2.0


class Line(Protocol):
    """What is needed of a link; nobody else may use it meanwhile."""

    stats: LinkStats

    async def ask(self, call: Call[ResultT], timeout_s: float) -> ResultT: ...

    async def set_line_baud(self, baud: int) -> None: ...


async def raise_baud(line: Line, highest: int) -> None:
    """Steps up from the first rate to the best that passes a trial, if any does."""
    for baud in RATES if highest <= RATES[0] else (highest, *RATES):
        if FIRST_BAUD < baud <= highest and await try_baud(line, baud):
            return


async def try_baud(line: Line, baud: int) -> bool:
    """Changes to a rate and stays there if it is dependable; else goes back to the first one."""
    try:
        agreed = await line.ask(messages.set_baud(baud), _RETURN_S)
    except DeviceError:
        return False
    if agreed != baud:
        return False
    try:
        await line.set_line_baud(baud)
        if await _is_dependable(line):
            return True
        # A device that hears this rate stays there until it is told to go back.
        with contextlib.suppress(NoAnswer):
            await line.ask(messages.set_baud(FIRST_BAUD), 1.0)
    except PortError:
        pass
    await line.set_line_baud(FIRST_BAUD)
    await line.ask(messages.ping(b""), _RETURN_S)
    return False


async def _is_dependable(line: Line) -> bool:
    """Whether long payloads of all kinds come back, and nothing is lost on the way.

    A computer that is busy repeats what was only late; then both answers come.
    """
    lost = _lost(line.stats)
    payloads = [bytes([0x55]) * _TRIAL_BYTES, bytes([0xFF]) * _TRIAL_BYTES]
    payloads += [random.Random(n).randbytes(_TRIAL_BYTES) for n in range(_TRIAL_PINGS - 2)]
    try:
        for payload in payloads:
            if await line.ask(messages.ping(payload), 0.5) != payload:
                return False
        await _overtaken(line)
    except NoAnswer:
        return False
    return _lost(line.stats) <= lost


async def _overtaken(line: Line) -> None:
    """Waits for the second answers to what was repeated: they come before the next first one."""
    for _ in range(_TRIAL_PINGS):
        repeats = line.stats.repeats
        await line.ask(messages.ping(b""), 0.5)
        if line.stats.repeats == repeats:
            return


def _lost(stats: LinkStats) -> int:
    """Frames that went astray, either way."""
    return stats.repeats - stats.late_replies + stats.bad_frames

"""Restarts a board, by a command or, if none is understood, by the control lines of its port."""

from __future__ import annotations

import asyncio

from ..device.target import Target
from ..rpc.errors import NoAnswer
from ..rpc.messages import Hello, Status

_RESET_S = 0.1


async def restart(target: Target) -> tuple[str, Hello, Status]:
    """Returns the description of the device, its hello and its status afterwards.

    Raises NoAnswer if no ugpt firmware answers even after a reset by the control lines.
    """
    try:
        async with target.connect() as device:
            hello = await device.reset()
            return device.description, hello, await device.status()
    except NoAnswer:
        if not await _pulse_reset(target.choose().port):
            raise
    async with target.connect() as device:
        return device.description, device.hello, await device.status()


async def _pulse_reset(path: str) -> bool:
    """Holds a chip in reset for a moment; False if the port has no line for that."""
    import serial

    line = serial.Serial()
    line.port = path
    line.dtr = False
    line.rts = True
    try:
        line.open()
        await asyncio.sleep(_RESET_S)
        line.rts = False
    except OSError:
        return False
    finally:
        line.close()
    return True

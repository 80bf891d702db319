"""Restarts a board, by a command or, if none is understood, by the control lines of its port."""

from __future__ import annotations

import asyncio

from ..device.client import Device
from ..device.target import Target
from ..rpc.address import scheme_of
from ..rpc.errors import LinkError, NoAnswer
from ..rpc.messages import Hello, Status
from ..rpc.rfc2217 import open_rfc2217
from ..rpc.transport import termios_errors_as_os_errors
from ..training.guard import keep_over_restart, unknown_steps
from ..wording import command

_RESET_S = 0.1


async def restart(target: Target, *, may_overwrite: bool = False) -> tuple[str, Hello, Status]:
    """Returns the description of the device, its hello and its status afterwards.

    A run that the device does by itself is saved first. Raises WouldOverwrite if steps would be
    lost that are saved nowhere, or may be, and NoAnswer if no ugpt firmware answers even after a
    reset by the control lines.
    """
    try:
        async with target.connect() as device:
            await _keep(device, may_overwrite)
            hello = await device.reset()
            return device.description, hello, await device.status()
    except NoAnswer:
        if not await _pulse_reset(target.choose().port):
            raise
    async with target.connect() as device:
        return device.description, device.hello, await device.status()


async def _keep(device: Device, may_overwrite: bool) -> None:
    again = command("reset", *device.option, "--overwrite")
    try:
        await keep_over_restart(device, may_overwrite=may_overwrite, again=again)
    except LinkError as error:  # a reset by the control lines would lose what it holds
        if not may_overwrite:
            raise unknown_steps(error, "To restart") from None


async def _pulse_reset(path: str) -> bool:
    """Holds a chip in reset for a moment; False if the port has no line for that."""
    scheme = scheme_of(path)
    if scheme == "rfc2217":
        return await _pulse_remote_reset(path)
    if scheme:
        return False
    import serial

    line = serial.Serial()
    line.port = path
    line.dtr = False
    line.rts = True
    try:
        with termios_errors_as_os_errors():
            line.open()
            await asyncio.sleep(_RESET_S)
            line.rts = False
    except OSError:
        return False
    finally:
        line.close()
    return True


async def _pulse_remote_reset(url: str) -> bool:
    transport = await open_rfc2217(url)
    try:
        await transport.set_rts(True)
        await asyncio.sleep(_RESET_S)
        await transport.set_rts(False)
    finally:
        await transport.close()
    return True

"""Restarts a board, by a command or, if none is understood, by the control lines of its port."""

from __future__ import annotations

import asyncio

from ..device.client import Device
from ..device.target import Target
from ..rpc.address import scheme_of
from ..rpc.errors import FlashFailed, NoAnswer, NoRoom
from ..rpc.messages import Hello, Status
from ..rpc.rfc2217 import open_rfc2217
from ..training.guard import WouldOverwrite, is_detached
from ..wording import command

_RESET_S = 0.1


async def restart(target: Target, *, may_overwrite: bool = False) -> tuple[str, Hello, Status]:
    """Returns the description of the device, its hello and its status afterwards.

    A run that the device does by itself is saved first. Raises WouldOverwrite if steps would be
    lost that are saved nowhere, and NoAnswer if no ugpt firmware answers even after a reset by the
    control lines.
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
    """Raises WouldOverwrite if what would be lost may not be."""
    status = await device.status()
    if not is_detached(status):
        if not may_overwrite:
            _require_saved(device, status)
        return
    try:
        await device.save()
    except (FlashFailed, NoRoom) as error:
        if may_overwrite:
            return
        raise WouldOverwrite(
            f"The device trains by itself (run {status.run_id:08x}) and stands after step "
            f"{status.step:,}, but it cannot be saved: {error.message}",
            f"To go back to step {status.saved_step:,}: "
            f"{command('reset', *device.option, '--overwrite')}",
        ) from None


def _require_saved(device: Device, status: Status) -> None:
    if status.unsaved and status.step != status.saved_step:
        raise WouldOverwrite(
            f"The device holds a model of step {status.step:,} (run {status.run_id:08x}), and "
            f"{f'only step {status.saved_step:,}' if status.saved_step else 'nothing'} of it is in "
            "its flash: a restart would lose the rest.",
            f"To save it first: {command('stop', *device.option)}. To restart anyway: --overwrite.",
        )


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
        await transport.set_lines(dtr=False, rts=True)
        await asyncio.sleep(_RESET_S)
        await transport.set_lines(dtr=False, rts=False)
    finally:
        await transport.close()
    return True

"""What a device is doing, by its status. It says `saving` also in the middle of a run."""

from __future__ import annotations

from ..rpc.messages import Source, Status
from .client import Device


def is_training(status: Status) -> bool:
    """Whether there are steps that the device has been asked for and has not done."""
    return status.step < status.target_step


def is_detached(status: Status) -> bool:
    """Whether a run goes on that needs no host; firmware of 0.1.0 does not say so itself."""
    return status.source is Source.FLASH and is_training(status)


async def stand_still(device: Device) -> Status:
    """Pauses training, if there is any. Returns the status after that."""
    status = await device.status()
    if not is_training(status):
        return status
    await device.pause()
    return await device.status()

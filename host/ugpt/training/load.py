"""Puts the model of a run on a device, as it was after one of its steps."""

from __future__ import annotations

from dataclasses import dataclass

from ..device.activity import stand_still
from ..device.client import Device
from ..rpc.errors import NoModel, ProtocolError, UnknownMethod
from ..rpc.messages import DeviceState, Shape
from ..runs.checkpoint import weights_digest
from ..runs.identity import Identity
from ..runs.last_device import LastDevice
from .events import OnEvent, Purpose
from .fit import require_fit
from .guard import require_free
from .restore import fetch_tensors, is_as_device, put_model
from .stored_model import StoredModel
from .transfers import save_in_flash, transfer_told


@dataclass(frozen=True)
class Loaded:
    """What `load` has done."""

    step: int
    weights_sha256: str
    """As the device computes it."""
    was_there: bool
    """Whether the device held this model already."""
    in_flash: bool
    """Whether it is still there after a power cut."""


async def load(
    device: Device, model: StoredModel, emit: OnEvent, *, may_overwrite: bool = False
) -> Loaded:
    """Makes the device hold `model`, in memory and in its flash.

    Raises DoesNotFit or WouldOverwrite, leaving the device as it was, and ProtocolError if what
    has arrived there is not what was sent.
    """
    checkpoint = model.checkpoint
    expected = weights_digest(checkpoint.weights)
    was_there = await _holds(device, model, expected)
    if not was_there:
        await require_fit(device, model.shape, model.recipe, len(model.vocabulary.encode()))
        await require_free(device, may_overwrite=may_overwrite)
        await stand_still(device)
        async with transfer_told(emit, Purpose.RESTORE) as progress:
            await put_model(
                device,
                model.run_id,
                model.shape,
                model.recipe,
                model.vocabulary,
                checkpoint,
                progress,
            )
        if await _digest(device, model.shape) != expected:
            raise ProtocolError("The device holds other weights than those that were sent.")
        await save_in_flash(device, emit)
    LastDevice(Identity.of(device.hello), model.origin.absolute()).remember()
    in_flash = (await device.status()).saved_step == checkpoint.step > 0
    return Loaded(checkpoint.step, expected, was_there, in_flash)


async def _holds(device: Device, model: StoredModel, digest: str) -> bool:
    """Whether nothing need be sent; a device that trains holds it only for a moment."""
    status = await device.status()
    if status.state is not DeviceState.IDLE or status.step != model.checkpoint.step:
        return False
    try:
        info = await device.model_info()
    except NoModel:
        return False
    return (
        (info.run_id, info.shape) == (model.run_id, model.shape)
        and is_as_device(info.recipe, model.recipe)
        and await device.vocabulary() == model.vocabulary
        and await _digest(device, model.shape) == digest
    )


async def _digest(device: Device, shape: Shape) -> str:
    """Of the weights on the device, which older firmware leaves to the host to compute."""
    try:
        return (await device.weights_digest()).sha256
    except UnknownMethod:
        return weights_digest(await fetch_tensors(device, shape))

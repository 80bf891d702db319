"""Starts a run that a board does by itself, from the data set in its flash."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ..device.activity import is_training, stand_still
from ..device.client import Device
from ..device.compatibility import table_blamed
from ..rpc.errors import NoRoom
from ..rpc.messages import ErrorCode, Plan, Source, Status
from ..runs.registry import remember
from ..wording import counted
from .belonging import record_device, require_own_device
from .claims import require_sound
from .dataset_upload import push_data
from .events import Event, Purpose
from .extension import extend
from .fit import require_fit
from .guard import require_free
from .restore import place
from .session import Session
from .transfers import transfer_told

_FIRST_STEP_TIMEOUT_S = 10.0
_MEASURED_S = 1.0
_LOOK_S = 0.05


@dataclass(frozen=True)
class Detached(Event):
    """A board trains by itself, after `step` completed steps."""

    run: Path
    device: str
    step: int
    total_steps: int
    save_every: int
    """Steps from one checkpoint to the next; 0 if only the end is saved."""
    remembered: bool = True
    """Whether `ugpt attach` finds the run folder by itself, wherever it lies."""


async def detach(device: Device, session: Session) -> Detached:
    """Brings data set, model and weights onto the board, starts the run and sees it go.

    The weights it ends with are those of the same run with a host. The run folder must be the
    caller's alone. Raises DoesNotFit or NoRoom, leaving the board as it was, if the run cannot live
    on it.
    """
    with table_blamed(device.hello):
        return await _detach(device, session)


async def _detach(device: Device, session: Session) -> Detached:
    run, config = session.run, session.run.config
    require_own_device(device, session, may_move=session.may_move)
    plan = await require_fit(device, config.shape, config.recipe, session.vocabulary_bytes)
    _require_checkpoint_room(device, plan)
    await require_free(device, may_overwrite=session.may_overwrite, run_ids=config.run_ids)
    await stand_still(device)
    async with transfer_told(session.emit, Purpose.PUSH) as progress:
        await push_data(
            device,
            session.split.training,
            session.dataset,
            block_size=config.shape.block_size,
            progress=progress,
        )
    record_device(device, session)
    await extend(device, session)
    point = await place(device, session)
    total_steps, every = session.total_steps, config.save_every.steps
    await device.train(total_steps, every, Source.FLASH)
    status = await _see_it_go(device, point.step, total_steps)
    if config.save_every.seconds:
        step_s = await measure_step_s(device, status, total_steps)
        every = min(max(round(config.save_every.seconds / step_s), 1), total_steps)
        await device.train(total_steps, every, Source.FLASH)
    remembered = remember(run)
    return Detached(run.path, device.description, status.step, total_steps, every, remembered)


def _require_checkpoint_room(device: Device, plan: Plan) -> None:
    missing = plan.checkpoint_bytes - device.hello.checkpoint_bytes
    if missing > 0:
        raise NoRoom(
            ErrorCode.NO_ROOM,
            "",
            missing,
            "A board on its own must keep checkpoints, here of "
            f"{counted(plan.checkpoint_bytes, 'byte')}: "
            "choose a smaller shape, or train with a host (without --detach).",
        )


async def _see_it_go(device: Device, step: int, total_steps: int) -> Status:
    """The status after the first step, or after so long a time that the step is a slow one."""
    deadline = asyncio.get_running_loop().time() + _FIRST_STEP_TIMEOUT_S
    while True:
        status = await device.status()
        require_sound(status, total_steps)
        if status.step > step or not is_training(status):
            return status
        if asyncio.get_running_loop().time() > deadline:
            return status
        await asyncio.sleep(_LOOK_S)


async def measure_step_s(device: Device, first: Status, total_steps: int) -> float:
    """How long a step takes, from `first` on and over so many that one of them does not matter.

    The first steps of all take longer, and each takes as long as its documents.
    """
    loop = asyncio.get_running_loop()
    begun_s, status = loop.time(), first
    while loop.time() < begun_s + _MEASURED_S and is_training(status):
        await asyncio.sleep(_LOOK_S)
        status = await device.status()
        require_sound(status, total_steps)
    steps = status.step - first.step
    if steps > 0:
        return (loop.time() - begun_s) / steps
    return status.step_us / 1e6 or _FIRST_STEP_TIMEOUT_S

"""Starts a run that a board does by itself, from the data set in its flash."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ..device.client import Device
from ..rpc.errors import NoRoom
from ..rpc.messages import DeviceState, ErrorCode, Plan, Source, Status
from ..runs.registry import remember
from ..wording import counted
from .dataset_upload import push_data
from .events import Event, Purpose
from .feeder import require_no_error
from .fit import require_fit
from .restore import place
from .session import Session
from .transfers import transfer_told

SAVE_PERIOD_S = 60.0
"""How much work a power cut may cost at most, if the user does not say."""

_FIRST_STEP_TIMEOUT_S = 10.0
_LOOK_S = 0.05


@dataclass(frozen=True)
class Detached(Event):
    """A board trains by itself, after `step` completed steps."""

    run: Path
    device: str
    step: int
    total_steps: int
    save_every: int
    """Steps from one checkpoint to the next, at most."""


async def detach(device: Device, session: Session) -> Detached:
    """Brings data set, model and weights onto the board, starts the run and sees it go.

    The weights it ends with are those of the same run with a host. Raises DoesNotFit or NoRoom,
    leaving the board as it was, if the run cannot live on it.
    """
    run, config = session.run, session.run.config
    plan = await require_fit(device, config.shape, config.recipe, session.vocabulary_bytes)
    _require_checkpoint_room(device, plan)
    if (await device.status()).state in (DeviceState.TRAINING, DeviceState.WAITING):
        await device.pause()
    async with transfer_told(session.emit, Purpose.PUSH) as progress:
        await push_data(
            device,
            session.split.training,
            session.dataset,
            block_size=config.shape.block_size,
            progress=progress,
        )
    run.begin(device.description)
    point = await place(device, session)
    total_steps = session.total_steps
    await device.train(total_steps, config.save_every, Source.FLASH)
    status = await _see_it_go(device, point.step)
    every = config.save_every
    if not every:
        every = min(_steps_between_saves(status), total_steps)
        await device.train(total_steps, every, Source.FLASH)
    remember(run)
    return Detached(run.path, device.description, status.step, total_steps, every)


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


async def _see_it_go(device: Device, step: int) -> Status:
    """The status after the first step, or after so long a time that the step is a slow one."""
    deadline = asyncio.get_running_loop().time() + _FIRST_STEP_TIMEOUT_S
    while True:
        status = await device.status()
        require_no_error(status)
        if status.step > step or status.step >= status.target_step:
            return status
        if asyncio.get_running_loop().time() > deadline:
            return status
        await asyncio.sleep(_LOOK_S)


def _steps_between_saves(status: Status) -> int:
    step_s = status.step_us / 1e6 or _FIRST_STEP_TIMEOUT_S
    return max(round(SAVE_PERIOD_S / step_s), 1)

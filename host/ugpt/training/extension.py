"""Gives a run more steps than it was planned with.

From the step on at which that happens, the learning rate is that of a run planned with the new
number; what came before stays. So the step is part of the run: the checkpoint of it must be in the
folder before the plan changes.
"""

from __future__ import annotations

import contextlib

from ..device.client import Device
from ..runs.errors import DamagedCheckpoint, RunError
from .events import Notice
from .guard import require_known_steps
from .lifecycle import save_run
from .loss_history import pull_held_losses
from .recipe import with_steps
from .restore import held_step, place, read_newest
from .session import Session


def require_more(session: Session) -> None:
    """Raises RunError if the run is to end before a step that is done.

    Raises UnfitValue if it cannot have so many steps.
    """
    wanted, run = session.extend_to, session.run
    if wanted is None:
        return
    done = run.metrics.step
    with contextlib.suppress(DamagedCheckpoint):  # what to do then depends on the device
        done = max(done, run.saved_step or 0)
    if wanted < done:
        raise RunError(
            f"{run.path} has done {done:,} steps, and --steps {wanted} is fewer.",
            f"Give more than {done:,}, or leave --steps out to end it at {session.total_steps:,}.",
        )
    with_steps(run.config.recipe, wanted)


async def extend(device: Device, session: Session) -> None:
    """Changes the number of steps of the run, if that is wanted and has not been done yet.

    What the device is ahead of the folder is saved first.
    """
    run = session.run
    if session.extend_to in (None, session.total_steps):
        return
    held = await held_step(device, session)
    checkpoint = read_newest(run, held)
    step = checkpoint.step if checkpoint else 0
    if held > step:
        point = await place(device, session)
        if point.step > step:
            step = point.step
            await pull_held_losses(device, run, session.token_counts, step)
            await save_run(device, session, step)
    require_more(session)
    require_known_steps(await device.status(), session, step)
    assert session.extend_to is not None
    before = session.total_steps
    run.extend(step, with_steps(run.config.recipe, session.extend_to))
    session.emit(
        Notice(
            f"From step {step:,} on the run is one of {session.extend_to:,} steps, not {before:,}."
        )
    )

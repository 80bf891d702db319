"""What is on a board and nowhere else is not overwritten without a word."""

from __future__ import annotations

from collections.abc import Collection

from ..device.activity import is_detached
from ..device.client import Device
from ..errors import UgptError
from ..rpc.errors import FlashFailed, LinkError, NoRoom
from ..rpc.messages import Source, Status
from ..runs.registry import find_run, note_stopped
from ..wording import command, counted
from .session import Session


class WouldOverwrite(UgptError):
    """Something on a board would be lost, and nobody has said that it may be."""

    question = "Overwrite it?"

    def __init__(
        self, message: str, keep: str = "", anyway: str = "To overwrite it: --overwrite."
    ) -> None:
        """`keep` says what to do instead; a question has that beside it, and not `anyway`."""
        super().__init__(message, f"{keep} {anyway}".lstrip())
        self.keep = keep


class WouldInterrupt(WouldOverwrite):
    """A run that a board does by itself would stand still for a while."""

    question = "Interrupt it?"


async def require_free(
    device: Device, *, may_overwrite: bool, run_ids: Collection[int] = ()
) -> None:
    """Raises WouldOverwrite if another run than those of `run_ids` would be lost.

    That is a run that the board does by itself, also one that is done and that nobody has fetched,
    and other weights that no run folder has had, unless the device is the one that ugpt starts for
    itself.
    """
    status = await device.status()
    if status.run_id in run_ids:
        return
    if not may_overwrite:
        _require_nothing_lost(device, status)
    note_stopped(status.run_id)  # whatever the board has done of it by itself ends here


def _require_nothing_lost(device: Device, status: Status) -> None:
    require_no_detached_run(device, status)
    if status.unsaved and (status.source is Source.FLASH or not device.started_here):
        raise _unsaved(device, status)


def _unsaved(device: Device, status: Status) -> WouldOverwrite:
    run = find_run(status.run_id)
    keep = f"To keep it: {command('train', '--resume', run.path, *device.option)}." if run else ""
    return WouldOverwrite(
        f"The device holds a model of {counted(status.step, 'step')} (run {status.run_id:08x}) "
        "that is saved in no run folder, and this would overwrite it.",
        keep,
    )


def require_no_detached_run(device: Device, status: Status) -> None:
    """Raises WouldOverwrite if the board trains by itself."""
    if not is_detached(status):
        return
    raise WouldOverwrite(
        f"The device trains by itself (run {status.run_id:08x}, step {status.step:,} of "
        f"{status.target_step:,}), and this would end that run.",
        f"To follow it: {command('attach', *device.option)}.",
    )


async def require_no_interruption(device: Device) -> None:
    """Raises WouldInterrupt if the board trains by itself."""
    status = await device.status()
    if is_detached(status):
        raise WouldInterrupt(
            f"The device trains by itself (run {status.run_id:08x}, step {status.step:,} of "
            f"{status.target_step:,}), and this interrupts that run: it is saved in the flash, and "
            "goes on from there when the board starts again.",
            f"To follow it: {command('attach', *device.option)}.",
            "To interrupt it: --overwrite.",
        )


async def keep_over_restart(device: Device, *, may_overwrite: bool, again: str) -> None:
    """Saves a run that the board does by itself, which then goes on after the restart.

    Raises WouldOverwrite, unless `may_overwrite`, if it cannot be saved, or if the device holds
    other steps that are saved nowhere. `again` is the command that goes ahead all the same.
    """
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
            anyway=f"To go back to step {status.saved_step:,}: {again}",
        ) from None


def unknown_steps(error: LinkError, anyway: str) -> WouldOverwrite:
    """For a device that has answered, but not to the end of `keep_over_restart`."""
    return WouldOverwrite(
        f"Whether the device holds steps that are saved nowhere is not known: {error.message}",
        "Try again.",
        f"{anyway} anyway: --overwrite.",
    )


def _require_saved(device: Device, status: Status) -> None:
    if status.unsaved and status.step != status.saved_step:
        raise WouldOverwrite(
            f"The device holds a model of step {status.step:,} (run {status.run_id:08x}), and "
            f"{f'only step {status.saved_step:,}' if status.saved_step else 'nothing'} of it is in "
            "its flash: a restart would lose the rest.",
            f"To save it first: {command('stop', *device.option)}.",
            "To restart anyway: --overwrite.",
        )


def require_known_steps(status: Status, session: Session, known_step: int) -> None:
    """Raises WouldOverwrite if the device is ahead of the run folder with steps of the same run.

    They were trained with other settings, or the run would go on with them. Weights that a folder
    has had, as those before an extension, are none of these.
    """
    if status.run_id not in session.run.config.run_ids or session.may_overwrite:
        return
    if status.unsaved and status.step > known_step:
        raise WouldOverwrite(
            f"The device holds step {status.step:,} of {session.run.path}, and the folder only "
            f"step {known_step:,}, but with other settings than those in config.toml (such as "
            "--steps), so that the run cannot go on from there.",
            "Restore config.toml to keep those steps.",
            "To overwrite them: --overwrite.",
        )

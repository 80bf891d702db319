"""A run stays with its device, unless it is moved on purpose."""

from __future__ import annotations

from ..device.client import Device
from ..runs.errors import OtherDevice
from ..runs.identity import Identity
from ..runs.last_device import LastDevice
from ..wording import command
from .events import Notice
from .session import Session


def require_own_device(device: Device, session: Session, *, may_move: bool = False) -> None:
    """Raises OtherDevice if the run belongs to another device and may not be moved."""
    found, home = Identity.of(device.hello), session.run.config.identity
    if home is None or home.is_same_as(found) or may_move:
        return
    path = session.run.path
    raise OtherDevice(
        f"{path} belongs to {home}, and what answers is {found}: {device.description}.",
        "Connect the device it belongs to, or name a port to move the run there: "
        f"{command('train', '--resume', path, '--port', device.port)}",
    )


def record_device(device: Device, session: Session) -> None:
    """Writes into the run folder, and into what ugpt remembers, where the run is trained."""
    run, found = session.run, Identity.of(device.hello)
    home = run.config.identity
    if not run.exists:
        run.begin(device.description, found)
    elif home is None or not home.is_same_as(found):
        run.move_to(device.description, found)
        if home is not None:
            session.emit(Notice(f"The run moves from {home} to {found}."))
    elif found.is_another_virtual(home):
        run.move_to(device.description, found)
        session.emit(
            Notice(f"The run goes on, on another virtual device than before: {device.description}.")
        )
    LastDevice(found, run.path.absolute()).remember()


def require_last_device(device: Device, *words: str) -> None:
    """Raises OtherDevice if the last run is on another device than the one that was found.

    A device that was named is meant. `words` are the command that may name it.
    """
    last, found = LastDevice.recall(), Identity.of(device.hello)
    if device.named or last is None or last.identity.is_same_as(found):
        return
    raise OtherDevice(
        f"The last run, {last.run}, is on {last.identity}, and what answers is {found}: "
        f"{device.description}.",
        f"Connect that device, or name the one that is meant: "
        f"{command(*words, '--port', device.port)}",
    )

"""What can be wrong with a run folder."""

from __future__ import annotations

from ..errors import UgptError


class RunError(UgptError):
    """A run folder cannot be created, read or resumed."""


class DiskFull(RunError):
    """There is no room for a file of a run folder; there may be later."""


class OtherDevice(RunError):
    """A run belongs to another device than the one that answers."""

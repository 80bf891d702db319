"""What can be wrong with a run folder."""

from __future__ import annotations

from ..errors import UgptError


class RunError(UgptError):
    """A run folder cannot be created, read or resumed."""


class NoRun(RunError):
    """There is no run at a place, or none of a name."""


class NewerRun(RunError):
    """A run folder was written by a later version, in a form that this one does not know."""


class DiskFull(RunError):
    """There is no room for a file of a run folder; there may be later."""


class DamagedCheckpoint(RunError):
    """A checkpoint is not what was written."""


class OtherDevice(RunError):
    """A run belongs to another device than the one that answers."""

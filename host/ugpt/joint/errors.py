"""What can go wrong when many boards train one model."""

from __future__ import annotations

from ..errors import InvalidValue
from ..fleet.errors import FleetError


class JointError(FleetError):
    """The boards cannot train one model together."""


class BoardLost(JointError):
    """A board does not answer any more; another one does its task."""


class BadScheduler(JointError):
    """Dask's scheduler cannot be used, or not safely."""


class WrongAddress(BadScheduler, InvalidValue):
    """What was given as the address of a scheduler is none, or not a safe one."""


class NoOtherBoard(JointError):
    """A task wants another board than those that have done it, and there is none."""

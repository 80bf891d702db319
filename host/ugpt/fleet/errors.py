"""What can go wrong with many boards at once, beyond what can go wrong with one."""

from __future__ import annotations

from ..errors import UgptError


class FleetError(UgptError):
    """Many boards cannot be used together."""


class NoBoards(FleetError):
    """There is no board that can be used."""


class BadBoardsFile(FleetError):
    """A list of boards cannot be read, or makes no sense."""


class CannotListen(FleetError):
    """A board cannot be offered at an address."""

"""A board that comes back as another port, and how it is known again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from ..rpc.errors import PortNotFound
from ..rpc.receiver import LogLine
from .client import Device
from .ports import Choice, PortInfo, list_ports
from .target import OPEN_TIMEOUT_S, Target


class FollowedTarget:
    """A target that is opened again and again, each time at the port where its board is."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._board: PortInfo | None = None
        self.choice = Choice("", "")
        """The port, as `find` has found it last."""

    def find(self) -> Target:
        """The target at the port where its board is now; the first time, at what is chosen.

        Raises PortNotFound while that board is not plugged in, and what `Target.choose` raises.
        """
        ports = list_ports()
        if self._board is not None:
            found = find_again(self._board, ports)
            if found is None:
                raise PortNotFound(
                    self.choice.port,
                    "its board is not plugged in",
                    "Plug it in; `ugpt ports` lists the ports there are.",
                )
            self._board = found
            self.choice = replace(self.choice, port=found.device)
        else:
            # Whoever named nothing stays with what was chosen. A link may lead elsewhere now.
            if self._target.port is not None or not self.choice.port:
                self.choice = self._target.choose()
            self._board = _at(self.choice.port, ports)
        return replace(self._target, port=self.choice.port)

    def connect(
        self,
        *,
        on_log: Callable[[LogLine], None] | None = None,
        open_timeout_s: float = OPEN_TIMEOUT_S,
    ) -> AbstractAsyncContextManager[Device]:
        """As `Target.connect`, and raises what `find` raises."""
        self.find()
        return self._target.connect(on_log=on_log, open_timeout_s=open_timeout_s, at=self.choice)


def find_again(board: PortInfo, ports: Sequence[PortInfo]) -> PortInfo | None:
    """The port of `board` among `ports`; None if it is not among them.

    Its serial number tells, and where that is shared (many bridges say 0001) or missing, the USB
    socket that it is plugged into.
    """
    alike = [
        port
        for port in ports
        if (port.bridge, port.serial_number) == (board.bridge, board.serial_number)
    ]
    if board.serial_number and len(alike) == 1:
        return alike[0]
    same_place = [port for port in alike if port.location == board.location]
    if board.location and len(same_place) == 1:
        return same_place[0]
    return alike[0] if len(alike) == 1 and alike[0].device == board.device else None


def _at(device: str, ports: Sequence[PortInfo]) -> PortInfo | None:
    """The USB port of that name, if it is one."""
    return next((port for port in ports if port.device == device and _is_usb(port)), None)


def _is_usb(port: PortInfo) -> bool:
    return bool(port.bridge or port.serial_number or port.location)

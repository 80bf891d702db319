"""A port that comes back under another name, and how it is known again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from ..rpc.errors import PortNotFound
from ..rpc.link import LogLine
from .client import Device
from .connect import OPEN_TIMEOUT_S
from .ports import VIRTUAL, Choice, PortInfo, choose_port, list_ports
from .target import Target


class FollowedPort:
    """What was chosen at first, wherever that is now."""

    def __init__(self, named: str | None) -> None:
        """`named` is what the user said. Raises what `choose_port` raises."""
        self._named = named
        ports = list_ports()
        self.choice = choose_port(named, ports)
        """The port when it was looked for last."""
        self._board = _at(self.choice.port, ports)

    def find(self) -> Choice:
        """Looks for the port again.

        Raises PortNotFound if it is not there, or if another board has taken its place.
        """
        ports = list_ports()
        if self._board is None:
            # Not one of the USB: an address, the virtual device, or a link that may have moved.
            self.choice = self.choice if self._named is None else choose_port(self._named, ports)
            self._board = _at(self.choice.port, ports)
            return self.choice
        found = find_again(self._board, ports)
        if found is None:
            raise PortNotFound(
                self.choice.port,
                "its board is not plugged in",
                "Plug it in; `ugpt ports` lists the ports there are.",
            )
        self._board = found
        self.choice = dataclasses.replace(self.choice, port=found.device)
        return self.choice


class FollowedTarget:
    """Opens a target again and again, each time at the port where its board is."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._port: FollowedPort | None = None

    def connect(
        self,
        *,
        on_log: Callable[[LogLine], None] | None = None,
        open_timeout_s: float = OPEN_TIMEOUT_S,
    ) -> AbstractAsyncContextManager[Device]:
        """As `Target.connect`. Raises PortNotFound while the board of the first time is away."""
        target = self._target
        if self._port is None:
            self._port = FollowedPort(VIRTUAL if target.pace else target.port)
        else:
            choice = self._port.find()
            if choice.port != target.port:
                target = dataclasses.replace(target, port=choice.port)
        return target.connect(on_log=on_log, open_timeout_s=open_timeout_s)


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

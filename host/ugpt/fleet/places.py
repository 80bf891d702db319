"""Where boards may be: what is plugged in, what is named, what a file lists, and virtual ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..device.ports import VIRTUAL, choose_port, list_ports
from ..device.target import Target
from ..device.virtual import IN_MEMORY
from .boards_file import ListedBoard, read_boards_file


@dataclass(frozen=True)
class Place:
    """One place where a board may answer."""

    where: str
    """The port, as the user or the system names it; `virtual-1` for a virtual board."""
    target: Target
    name: str = ""
    """What the board there is called, if that is known before it has answered."""


def places(
    ports: Sequence[str],
    boards_file: Path | None = None,
    *,
    virtual: int = 0,
    pace: bool = False,
) -> list[Place]:
    """Every place once, those with a name first.

    `virtual` is the number of virtual boards, which forget their flash. Raises BadBoardsFile,
    BadAddress for an address that is none, and SeveralPorts for a serial number that several ports
    have.
    """
    listed = list(read_boards_file(boards_file)) if boards_file is not None else []
    listed += [ListedBoard(port) for port in ports]
    present = list_ports()
    listed += [ListedBoard(port.device) for port in present if port.is_esp32]
    by_port: dict[str, Place] = {}
    for board in listed:
        port = choose_port(board.port, present).port
        by_port.setdefault(port, Place(board.port, Target(board.port), board.name))
    names = [f"virtual-{number}" for number in range(1, virtual + 1)]
    target = Target(VIRTUAL, flash=IN_MEMORY, pace=pace)
    return [*by_port.values(), *(Place(name, target, name) for name in names)]

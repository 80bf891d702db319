"""What every board is, what is on it, and who uses it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from ..device.client import Device
from ..errors import UgptError
from ..rpc.errors import DeviceError, PortBusy
from ..rpc.messages import Hello, Status
from .asking import ask_each
from .members import board_key, board_name, name_order
from .places import Place

_TRAINER_TIMEOUT_S = 2.0  # it may be in the middle of a long step


@dataclass(frozen=True)
class Contents:
    """What a board has answered."""

    hello: Hello
    status: Status
    pretrained: str
    """The name of its pretrained model; empty if there is none, or the board is too busy to say."""


@dataclass(frozen=True)
class Surveyed:
    """A place where a board may be, and the board as far as it can be told."""

    where: str
    name: str
    """Empty if nothing has answered and no name is known."""
    contents: Contents | None
    holder: str = ""
    """The program that uses the port; empty if none does."""
    problem: str = ""
    """Why nothing is known of the board, for the user."""


async def survey(found: Sequence[Place]) -> list[Surveyed]:
    """Every board once, by name, then the places where none could be asked."""
    answers = await ask_each(found, _contents)
    boards: dict[str | int, Surveyed] = {}
    silent: list[Surveyed] = []
    for place, answer in zip(found, answers, strict=True):
        if isinstance(answer, PortBusy):
            holder = answer.holder or "another program"
            silent.append(Surveyed(place.where, place.name, None, holder))
        elif isinstance(answer, UgptError):
            silent.append(Surveyed(place.where, place.name, None, problem=str(answer)))
        else:
            board = Surveyed(place.where, board_name(place, answer.hello), answer)
            boards.setdefault(board_key(place, answer.hello), board)
    return [*sorted(boards.values(), key=lambda board: name_order(board.name)), *silent]


async def _contents(device: Device) -> Contents:
    status = await device.status()
    pretrained = ""
    with contextlib.suppress(DeviceError, TimeoutError):
        async with asyncio.timeout(_TRAINER_TIMEOUT_S):
            image = await device.image_info()
            pretrained = image.name if image.whole else ""
    return Contents(device.hello, status, pretrained)

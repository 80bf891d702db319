"""The boards that can work together, by names that last."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import __version__
from ..device.client import Device
from ..device.compatibility import Age, compare_firmware
from ..device.target import Target
from ..errors import UgptError
from ..rpc.messages import Hello
from .asking import ask_each
from .errors import NoBoards
from .places import Place, places

_NUMBERED = re.compile(r"(.*\D)([0-9]{1,4})")


@dataclass(frozen=True)
class Member:
    """A board that has answered."""

    name: str
    """After the number of its chip, such as `esp32-9e3ffc72a8a4`, so that it stays the same at
    every port; or what a list of boards calls it; or `virtual-1`."""
    target: Target
    """How to open it."""
    hello: Hello
    """What it said of itself."""


@dataclass(frozen=True)
class LeftOut:
    """A place whose board cannot take part."""

    where: str
    reason: str
    """For the user, with what to try."""


@dataclass(frozen=True)
class Membership:
    """The boards by name, and the places that have none to offer."""

    members: tuple[Member, ...]
    left_out: tuple[LeftOut, ...]


async def find_members(
    ports: Sequence[str],
    *,
    boards_file: Path | None = None,
    virtual: int = 0,
    pace: bool = False,
) -> Membership:
    """Asks all boards that are plugged in, named or listed, and so many virtual ones.

    A virtual board forgets its flash; with `pace` it takes the time of a board. A board that is
    reached twice counts once. Boards with other firmware than this program's are left out.

    Raises NoBoards if no board is left, and what `places` raises.
    """
    found = places(ports, boards_file, virtual=virtual, pace=pace)
    return membership(found, await ask_each(found, _hello))


def membership(
    found: Sequence[Place], answers: Sequence[Hello | UgptError], *, any_firmware: bool = False
) -> Membership:
    """Who is there, by what was answered at each place. Raises NoBoards if nobody is."""
    members: dict[str | int, Member] = {}
    left_out: list[LeftOut] = []
    for place, answer in zip(found, answers, strict=True):
        if isinstance(answer, UgptError):
            left_out.append(LeftOut(place.where, str(answer)))
        elif not any_firmware and (reason := _other_firmware(place, answer)):
            left_out.append(LeftOut(place.where, reason))
        else:
            member = Member(board_name(place, answer), place.target, answer)
            members.setdefault(board_key(place, answer), member)
    if not members:
        raise no_boards(left_out)
    return Membership(
        tuple(sorted(members.values(), key=lambda member: name_order(member.name))), tuple(left_out)
    )


def board_name(place: Place, hello: Hello) -> str:
    """What the board that answers at a place is called."""
    if place.name:
        return place.name
    if not hello.device_id:  # firmware of protocol 1.0
        return place.where
    return _own_name(hello)


def _own_name(hello: Hello) -> str:
    return f"{'virtual' if hello.virtual_device else hello.chip}-{hello.device_id:012x}"


def named_apart(members: Sequence[Member]) -> tuple[Member, ...]:
    """The same with names that no board of another computer has.

    Every computer has a `virtual-1`: virtual boards are called after their own number, as those of
    `ugpt sim` are.
    """
    return tuple(
        replace(each, name=_own_name(each.hello)) if each.target.flash is not None else each
        for each in members
    )


def board_key(place: Place, hello: Hello) -> str | int:
    """Equal for two places with one board."""
    return place.where if place.target.flash is not None else hello.device_id or place.where


def name_order(name: str) -> tuple[str, int]:
    """Sorts names, `virtual-2` before `virtual-10`."""
    numbered = _NUMBERED.fullmatch(name)
    return (numbered[1], int(numbered[2])) if numbered else (name, 0)


async def _hello(device: Device) -> Hello:
    return device.hello


def _other_firmware(place: Place, hello: Hello) -> str:
    """Why boards with this firmware cannot take part; empty if they can."""
    compared = compare_firmware(hello, __version__)
    if compared.age is Age.SAME:
        return ""
    advice = compared.advice or "Use the program and the firmware of one release."
    return (
        f"The board on {place.where} has the firmware {hello.build}, this program is "
        f"{__version__}. {advice}"
    )


def no_boards(left_out: Sequence[LeftOut]) -> NoBoards:
    """There is nothing at all, or everything is left out."""
    if not left_out:
        return NoBoards(
            "No board is plugged in, and none is named.",
            "Plug one in, name one (--port socket://HOST:PORT), or add virtual ones (--virtual 3).",
        )
    if len(left_out) == 1:
        return NoBoards(f"There is no board to use. {left_out[0].reason}")
    reasons = " ".join(each.reason for each in left_out)
    return NoBoards(f"None of {len(left_out)} boards can be used. {reasons}")

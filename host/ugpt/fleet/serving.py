"""Offers the boards of this computer to programs elsewhere, a TCP port each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ..device import virtual
from ..device.client import Device
from ..device.simulator import simulator
from ..device.target import Target
from ..errors import InvalidValue, UgptError
from ..rpc.address import PORT_MAX, Address
from ..rpc.messages import Hello
from .asking import ask_each
from .errors import CannotListen
from .guest import Lobby
from .members import LeftOut, Member, Membership, membership
from .places import Place, places
from .served_board import ServedBoard

_MOST_GUESTS = 128
_DEFAULT_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Offer:
    """A board and where it is offered."""

    member: Member
    where: str
    """The port of the board itself."""
    address: Address


@dataclass(frozen=True)
class Offers:
    """The boards that are offered, by name, and the places that have none to offer."""

    boards: tuple[Offer, ...]
    left_out: tuple[LeftOut, ...]


def _check_address(listen: Address) -> None:
    """Raises InvalidValue unless only programs of this computer reach the address."""
    if not virtual.is_loopback(listen.host):
        raise InvalidValue(
            f"Boards are offered on this computer alone, and {listen} can be reached from others.",
            f"Listen at {_DEFAULT_HOST}:{listen.port}, and let others in with ssh -L, which "
            "docs/fleet.md shows.",
        )


@asynccontextmanager
async def serving(
    listen: Address,
    ports: Sequence[str],
    boards_file: Path | None,
    *,
    virtual_boards: int = 0,
    pace: bool = False,
    on_remark: Callable[[str], None],
) -> AsyncIterator[Offers]:
    """Offers all boards that are found within the block.

    The ports count up from that of `listen` in the order of the boards' names; port 0 takes free
    ones. Raises InvalidValue unless only programs of this computer reach `listen`, CannotListen,
    NoBoards, and what `places` raises.
    """
    _check_address(listen)
    async with AsyncExitStack() as stack:
        found = places(ports, boards_file)
        for number in range(1, virtual_boards + 1):
            found.append(await _virtual_place(stack, f"virtual-{number}", pace))
        members, rates = await _ask(found)
        last = listen.port + len(members.members) - 1
        if listen.port and last > PORT_MAX:
            raise CannotListen(f"There are not enough ports from {listen} on.", "Begin at 5600.")
        lobby = Lobby(_MOST_GUESTS)
        offers: list[Offer] = []
        for index, member in enumerate(members.members):
            board = ServedBoard(member.name, member.target, rates[member.target], lobby, on_remark)
            stack.push_async_callback(board.close)
            at = Address(listen.host, listen.port and listen.port + index)
            offers.append(Offer(member, _where(found, member), await board.listen(at)))
        yield Offers(tuple(offers), members.left_out)


async def _virtual_place(stack: AsyncExitStack, name: str, pace: bool) -> Place:
    """A board that lives as long as it is offered, whoever comes and goes."""
    arguments = virtual.command(flash=virtual.IN_MEMORY, extra=["--pty"], pace=pace)
    device = await stack.enter_async_context(simulator(arguments))
    if not device.address:
        await device.wait()
    return Place(name, Target(device.address), name)


async def _ask(found: Sequence[Place]) -> tuple[Membership, dict[Target, int]]:
    """Who is there, and the rate that each line has proved to carry."""
    answers = await ask_each(found, _hello_and_rate, at_first_rate=False)
    hellos = [answer if isinstance(answer, UgptError) else answer[0] for answer in answers]
    rates = {
        place.target: answer[1]
        for place, answer in zip(found, answers, strict=True)
        if not isinstance(answer, UgptError)
    }
    return membership(found, hellos, any_firmware=True), rates


async def _hello_and_rate(device: Device) -> tuple[Hello, int]:
    return device.hello, device.stats.baud


def _where(found: Sequence[Place], member: Member) -> str:
    return next(place.where for place in found if place.target == member.target)

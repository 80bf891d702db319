"""Boards that wait at a scheduler for whoever trains, and what is told of them."""

from __future__ import annotations

from ..joint.events import BoardJoined, BoardLeft
from ..training.events import Event, Notice
from ..view.output import console, print_json, say
from ..view.style import ACCENT, WARNING
from .fleet_options import Boards


async def join_scheduler(scheduler: str, boards: Boards, *, json: bool) -> None:
    """Has no end of its own. Raises BadScheduler, and NoBoards if there is none here."""
    from ..fleet.members import named_apart
    from ..joint.addresses import require_safe
    from ..joint.processes import kept_processes  # Dask takes its time, and is optional
    from ..joint.scheduler import connected

    require_safe(scheduler)
    found = await boards.members()
    for left_out in found.left_out:
        say(f"Left out: {left_out.reason}")

    def show(event: Event) -> None:
        if json:
            print_json(event.to_json())
        else:
            _tell(event)

    async with (
        connected(scheduler) as connection,
        kept_processes(named_apart(found.members), connection, show) as keeping,
    ):
        await keeping


def _tell(event: Event) -> None:
    match event:
        case BoardJoined():
            console().tell((event.board, ACCENT), " has joined")
        case BoardLeft():
            lost = (" is lost; it joins again when it is back", WARNING)
            console().tell((event.board, ACCENT), lost)
        case Notice():
            console().tell((event.text, WARNING))

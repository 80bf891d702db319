"""Offer the boards of this computer to programs elsewhere, over ssh.

Each board gets a TCP port that only this computer reaches; docs/fleet.md shows how ssh brings it to
another one. One program at a time has a board, and others are told which. Ctrl-C ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from ...fleet.serving import Offer, serving
from ...rpc.address import Address, parse_listen
from ...view.output import print_json, say
from ...view.style import ACCENT
from ...view.table import print_table
from ..fleet_options import BoardGroup, Boards
from ..options import Json, run_until_interrupted

EXAMPLES = [
    "ugpt serve",
    "ugpt serve --virtual 3",
    "ssh -N -L 5600:localhost:5600 pi     # on another computer",
    "ugpt boards --port socket://localhost:5600     # there",
]


def command(
    listen: Annotated[
        str,
        typer.Option(
            help="Address of the first board; the others follow it. Port 0 takes free ports.",
            metavar="HOST:PORT",
        ),
    ] = "127.0.0.1:5600",
    *,
    boards: BoardGroup,
    json: Json = False,
) -> None:
    run_until_interrupted(_serve(parse_listen(listen), boards, json))


async def _serve(listen: Address, boards: Boards, json: bool) -> None:
    async with serving(
        listen,
        boards.ports or (),
        boards.file,
        virtual_boards=boards.virtual,
        pace=boards.pace,
        on_remark=say,
    ) as offers:
        for left_out in offers.left_out:
            say(f"Left out: {left_out.reason}")
        _show(offers.boards, json)
        await asyncio.Event().wait()


def _show(boards: Sequence[Offer], json: bool) -> None:
    if json:
        for board in boards:
            print_json({"name": board.member.name, "where": board.where, "address": _url(board)})
        return
    print_table(
        ("board", "where", "address"),
        [((board.member.name, ACCENT), board.where, _url(board)) for board in boards],
    )
    say("Ctrl-C ends this. Others reach it with ssh -L; docs/fleet.md shows how.")


def _url(board: Offer) -> str:
    return f"socket://{board.address}"

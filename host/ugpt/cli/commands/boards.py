"""List all boards: what they are, what is on them, and who uses them.

A board is named after the MAC address of its chip, so it keeps its name when ports are renumbered.
No board is restarted, and a run on it goes on.
"""

from __future__ import annotations

from typing import Any

from ...device.activity import is_detached
from ...fleet.members import no_boards
from ...fleet.survey import Contents, Surveyed, survey
from ...rpc.messages import DeviceState
from ...runs.registry import find_run
from ...view.output import print_json, say
from ...view.style import ACCENT, QUIET, WARNING, byte_count
from ...view.table import Cell, print_table
from ..fleet_options import BoardGroup
from ..options import Json, run

EXAMPLES = [
    "ugpt boards",
    "ugpt boards --port socket://localhost:5600 --port socket://localhost:5601",
    "ugpt boards --boards lab.toml --json",
]

_HEADER = ("name", "where", "chip", "memory", "firmware", "state", "on it", "used by")
_UNKNOWN = "-"


def command(
    *,
    boards: BoardGroup,
    json: Json = False,
) -> None:
    found = run(survey(boards.places()))
    if not found:
        raise no_boards([])
    if json:
        for board in found:
            print_json(_json(board))
        return
    print_table(_HEADER, [_row(board) for board in found], ("memory",))
    for board in found:
        if board.problem:
            say(board.problem)


def _row(board: Surveyed) -> list[Cell]:
    contents = board.contents
    if contents is None:
        state: Cell = ("in use", WARNING) if board.holder else ("unreachable", "bold red")
        return [
            (board.name or _UNKNOWN, ACCENT),
            board.where,
            *[_UNKNOWN] * 3,
            state,
            _UNKNOWN,
            board.holder or _UNKNOWN,
        ]
    hello = contents.hello
    return [
        (board.name, ACCENT),
        board.where,
        hello.chip,
        byte_count(sum(hello.memory_blocks)),
        hello.build,
        contents.status.state.name.lower(),
        _on_it(contents),
        ("nobody", QUIET),
    ]


def _on_it(contents: Contents) -> str:
    status = contents.status
    parts = []
    if status.state is not DeviceState.EMPTY:
        known = find_run(status.run_id)
        name = known.path.name if known else f"run {status.run_id:08x}"
        # A host asks for steps as it goes; only the target of a detached run is that of the run.
        of = f" of {status.target_step:,}" if is_detached(status) else ""
        parts.append(f"{name}, step {status.step:,}{of}")
    if contents.pretrained:
        parts.append(contents.pretrained)
    return "; ".join(parts) or "nothing"


def _json(board: Surveyed) -> dict[str, Any]:
    """What is not known is None."""
    values: dict[str, Any] = {
        "name": board.name or None,
        "where": board.where,
        "state": "in use" if board.holder else "unreachable",
        "holder": board.holder or None,
        "problem": board.problem or None,
    }
    if (contents := board.contents) is None:
        return values
    status = contents.status
    has_run = status.state is not DeviceState.EMPTY
    return values | {
        "state": status.state.name.lower(),
        "virtual": contents.hello.virtual_device,
        "chip": contents.hello.chip,
        "board": contents.hello.board,
        "memory_bytes": sum(contents.hello.memory_blocks),
        "firmware": contents.hello.build,
        "run_id": status.run_id if has_run else None,
        "step": status.step if has_run else None,
        "target_step": status.target_step if has_run else None,
        "pretrained": contents.pretrained or None,
    }

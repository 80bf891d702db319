"""Check the port, chip, firmware and connection, and suggest fixes.

Identifying the chip restarts the board, unless --no-reset is given.
"""

from __future__ import annotations

import dataclasses

import typer

from ...device.target import Target
from ...diagnostics.doctor import Finding, State, examine
from ...view.output import console, pasteable, print_json
from ...view.style import QUIET
from ..options import Json, NoReset, Port, run

EXAMPLES = ["ugpt doctor", "ugpt doctor --port /dev/ttyUSB0 --no-reset"]

_STYLES = {
    State.OK: "green",
    State.WARN: "yellow",
    State.FAIL: "bold red",
    State.SKIPPED: QUIET,
}
_NAME_WIDTH = 15


def command(port: Port = None, no_reset: NoReset = False, json: Json = False) -> None:
    if run(_examine(Target(port, no_reset=no_reset), json)):
        raise typer.Exit(1)


async def _examine(target: Target, json: bool) -> bool:
    """Returns whether something fails."""
    failed = False
    async for finding in examine(target):
        _show(finding, json)
        failed = failed or finding.state is State.FAIL
    return failed


def _show(finding: Finding, json: bool) -> None:
    if json:
        print_json(dataclasses.asdict(finding))
        return
    console().tell(
        (f"{finding.state:<8}", _STYLES[finding.state]),
        (f"{finding.name:<{_NAME_WIDTH}}", "bold"),
        finding.text,
    )
    if finding.advice:
        console().tell((" " * (8 + _NAME_WIDTH) + pasteable(finding.advice), QUIET))

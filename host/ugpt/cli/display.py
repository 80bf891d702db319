"""Options that say how a run is shown, together."""

from __future__ import annotations

import typer

from ..view.display import Mode, choose_mode


def output_mode(plain: bool, json: bool) -> Mode:
    """What `--plain` and `--json` ask for; both together are refused."""
    if plain and json:
        raise typer.BadParameter("choose --plain or --json, not both", param_hint="--json")
    return choose_mode(plain, json)

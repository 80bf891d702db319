"""A list of runs for a person, and for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..runs.config import RunConfig
from ..runs.device_name import in_short
from ..runs.listing import Listed, RunState
from ..wording import data_name
from .style import ACCENT, GOOD, QUIET, WARNING, age
from .table import Cell, print_table

_HEADER = ("name", "state", "data", "shape", "steps", "loss", "best", "val", "device", "age")
_NUMBERS = ("steps", "loss", "best", "val", "age")
_EXPENDABLE = ("device", "shape", "data", "best", "age", "val")
_STYLES = {
    RunState.RUNNING: ACCENT,
    RunState.DETACHED: ACCENT,
    RunState.DONE: GOOD,
    RunState.INTERRUPTED: WARNING,
    RunState.DAMAGED: "bold red",
    RunState.NEWER: WARNING,
}


def print_runs(runs: Sequence[Listed]) -> None:
    print_table(_HEADER, [_row(run) for run in runs], _NUMBERS, _EXPENDABLE)


def run_json(run: Listed) -> dict[str, Any]:
    """What is not known is None."""
    config, shape = run.config, run.shape
    return {
        "name": run.name,
        "path": str(run.path),
        "state": str(run.state),
        "problem": run.problem or None,
        "data": str(config.data) if config else None,
        "n_layer": shape.n_layer if shape else None,
        "n_embd": shape.n_embd if shape else None,
        "n_head": shape.n_head if shape else None,
        "block_size": shape.block_size if shape else None,
        "vocab_size": shape.vocab_size if shape else None,
        "step": run.losses.step if config else None,
        "total_steps": run.total_steps,
        "checkpoint_step": run.checkpoint_step,
        "loss": run.losses.loss,
        "best_loss": run.losses.best_loss,
        "val_loss": run.val_loss,
        "device": config.place if config else None,
        "age_s": round(run.age_s, 1),
    }


def shape_in_short(config: RunConfig) -> str:
    """Layers and width, heads, context: such as `1x16 h4 c16`."""
    shape = config.shape
    return f"{shape.n_layer}x{shape.n_embd} h{shape.n_head} c{shape.block_size}"


def loss_text(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.3f}"


def _row(run: Listed) -> list[Cell]:
    config = run.config
    state: Cell = (str(run.state), _STYLES.get(run.state, QUIET))
    if config is None:
        return [run.name, state, *["-"] * 7, age(run.age_s)]
    return [
        run.name,
        state,
        data_name(config.data),
        shape_in_short(config),
        f"{run.losses.step:,}/{config.recipe.total_steps:,}",
        loss_text(run.losses.loss),
        loss_text(run.losses.best_loss),
        loss_text(run.val_loss),
        in_short(config.place) or "-",
        age(run.age_s),
    ]

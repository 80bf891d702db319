"""A comparison of runs for a person, and for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from ..runs.comparison import Compared, steps_to_show
from ..runs.device_name import in_short
from .output import console
from .runs_table import loss_text
from .table import print_table


def print_comparison(runs: Sequence[Compared], differing: Mapping[str, Sequence[str]]) -> None:
    """The settings that differ, then the losses."""
    names = [run.name for run in runs]
    if differing:
        print_table(("setting", *names), [_setting(*each) for each in differing.items()])
    else:
        console().tell("All settings are the same.")
    console().tell("")
    rows = [
        (f"loss after {step:,}", *(loss_text(run.loss_after(step)) for run in runs))
        for step in steps_to_show(runs)
    ]
    rows.append(("steps done", *(f"{len(run.means):,}" for run in runs)))
    rows.append(("last loss", *(loss_text(run.last_loss) for run in runs)))
    rows.append(("best loss", *(loss_text(run.best_loss) for run in runs)))
    if any(run.val_loss is not None for run in runs):
        rows.append(("validation loss", *(loss_text(run.val_loss) for run in runs)))
        rows.append(("best validation loss", *(loss_text(run.best_val_loss) for run in runs)))
    print_table(("", *names), rows, names)


def _setting(name: str, values: Sequence[str]) -> tuple[str, ...]:
    return (name, *(map(in_short, values) if name == "device" else values))


def print_samples(names: Sequence[str], samples: Sequence[Sequence[str]]) -> None:
    """What each run has written, in columns."""
    console().tell("")
    rows = [
        tuple(text.replace("\n", " / ") for text in row)
        for row in zip_longest(*samples, fillvalue="")
    ]
    print_table(names, rows)


def compared_json(
    runs: Sequence[Compared],
    differing: Mapping[str, Sequence[str]],
    samples: Sequence[Sequence[str]] | None,
) -> dict[str, Any]:
    return {
        "runs": [
            {
                "name": run.name,
                "path": str(run.run.path),
                "step": len(run.means),
                "last_loss": run.last_loss,
                "best_loss": run.best_loss,
                "val_loss": run.val_loss,
                "best_val_loss": run.best_val_loss,
                "losses": {str(step): run.loss_after(step) for step in steps_to_show(runs)},
                **({"samples": list(samples[number])} if samples is not None else {}),
            }
            for number, run in enumerate(runs)
        ],
        "differences": {name: list(values) for name, values in differing.items()},
    }

"""Several runs beside each other: what differs in their settings, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from .config import RunConfig
from .device_name import without_pace
from .folder import Run
from .glance import lowest_mean, mean_losses
from .naming import address_of
from .smoothing import Floats

_NO_SETTINGS = {"run_id", "identity", "ugpt", "save_every", "keep", "changes", "files"}
"""What decides no weight. Of several files, data_sha256 tells whether they are the same."""

_DIGITS = 12  # of a digest tell two of them apart


@dataclass(frozen=True)
class Compared:
    """A run and its losses, averaged as in the list of runs."""

    name: str
    run: Run
    means: Floats
    """After step i + 1 at index i; not a number where nothing is known."""

    @property
    def last_loss(self) -> float | None:
        return self.loss_after(len(self.means))

    @property
    def best_loss(self) -> float | None:
        return lowest_mean(self.means)

    @property
    def val_loss(self) -> float | None:
        """Of the last evaluation."""
        losses = self.run.metrics.val_losses
        return losses[max(losses)] if losses else None

    @property
    def best_val_loss(self) -> float | None:
        return min(filter(math.isfinite, self.run.metrics.val_losses.values()), default=None)

    def loss_after(self, step: int) -> float | None:
        if not 0 < step <= len(self.means) or np.isnan(self.means[step - 1]):
            return None
        return float(self.means[step - 1])


def open_compared(paths: Sequence[Path]) -> list[Compared]:
    """The runs in these folders. Raises RunError if one cannot be opened."""
    return [_compared(Run.open(path)) for path in paths]


def differences(configs: Sequence[RunConfig]) -> dict[str, list[str]]:
    """The settings that are not the same in all runs, with their values in order."""
    flat = [_flat(config) for config in configs]
    names = dict.fromkeys(name for values in flat for name in values)
    rows = {name: [values.get(name, "-") for values in flat] for name in names}
    differing = {name: values for name, values in rows.items() if len(set(values)) > 1}
    if len(set(map(without_pace, rows.get("device", [])))) <= 1:
        differing.pop("device", None)
    return differing


def steps_to_show(runs: Sequence[Compared]) -> list[int]:
    """10, 100, ... as far as any run goes."""
    longest = max((len(run.means) for run in runs), default=0)
    return [10**power for power in range(1, 9) if 10**power <= longest]


def _compared(run: Run) -> Compared:
    return Compared(address_of(run.path), run, mean_losses(run.metrics.losses))


def _flat(config: RunConfig) -> dict[str, str]:
    values = {name: value for name, value in asdict(config).items() if name not in _NO_SETTINGS}
    values["device"] = config.place
    values["extensions"] = "; ".join(
        f"after {each.after:,} of {each.total_steps:,} steps" for each in config.extensions
    )
    values["data_sha256"] = config.data_sha256[:_DIGITS]
    if (parent := config.parent) is not None:
        digest = parent.weights_sha256[:_DIGITS]
        values["parent"] = {"path": parent.path, "step": parent.step, "weights_sha256": digest}
    return dict(_leaves("", values))


def _leaves(prefix: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    """Names such as `shape.n_embd`, and values as texts."""
    found = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _leaves(f"{prefix}{name}.", value)
        elif value not in (None, "", ()):
            found.append((f"{prefix}{name}", _text(value)))
    return found


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return value.name.lower()
    return f"{value:g}" if isinstance(value, float) else str(value)

"""Which trials of a sweep were good, and where their values lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..runs.errors import RunError
from ..runs.folder import Run
from ..runs.lettering import Lettering
from ..runs.plot import INK, PAPER, QUIET, cut, picture, say, scale, smooth_curve
from .axes import Axis, Interval, Value
from .conductor import trial_folder
from .study import Trial, TrialState

_BEST, _OTHERS, _PRUNED = "#ffb454", "#39bae6", "#5c6773"
_PANELS = 4  # axes that have room beside the curves
_TICKS = 8  # on an axis of values
_TEXT_LENGTH = 60


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The lowest loss first; those that have none or were ended early come last."""
    order = list(TrialState)
    complete = TrialState.COMPLETE

    def place(trial: Trial) -> tuple[bool, float, int, int]:
        loss = math.inf if trial.loss is None else trial.loss
        return trial.state is not complete, loss, order.index(trial.state), trial.number

    return sorted(trials, key=place)


def best(trials: Sequence[Trial]) -> Trial | None:
    """The complete trial with the lowest loss; None if there is none with any."""
    first = next(iter(ranked(trials)), None)
    if first is None or first.state is not TrialState.COMPLETE:
        return None
    return first if first.loss is not None and math.isfinite(first.loss) else None


def values_text(values: dict[str, Value]) -> str:
    """Such as `n_embd=32 learning_rate=0.00831`."""
    return " ".join(f"{name}={value_text(value)}" for name, value in values.items())


def value_text(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def sweep_png(folder: Path, title: str, axes: Sequence[Axis], trials: Sequence[Trial]) -> bytes:
    """The curves of all trials, and their losses over each value: a PNG of 1600 by 900 pixels.

    Raises RunError if it cannot be drawn.
    """
    return picture(
        "sweep.png", lambda figure, letters: _draw(figure, folder, title, axes, trials, letters)
    )


def _draw(
    figure: Any,
    folder: Path,
    title: str,
    axes: Sequence[Axis],
    trials: Sequence[Trial],
    letters: Lettering,
) -> None:
    winner = best(trials)
    counts = f"{sum(trial.state is TrialState.COMPLETE for trial in trials):,} complete"
    if pruned := sum(trial.state is TrialState.PRUNED for trial in trials):
        counts += f", {pruned:,} pruned"
    say(figure, 0.05, 0.925, cut(letters.drawable(title), _TEXT_LENGTH), size=30, weight="bold")
    say(figure, 0.05, 0.88, f"{len(trials):,} trials: {counts}", size=16, color=QUIET)
    say(figure, 0.95, 0.925, "µgpt", size=30, weight="bold", color=_OTHERS, ha="right")
    if winner is not None:
        text = f"best: trial {winner.number}, loss {winner.loss:.3f}, {values_text(winner.values)}"
        say(figure, 0.05, 0.845, cut(text, 110), size=16, color=_BEST)
    _draw_curves(figure, folder, trials, winner)
    shown = axes[:_PANELS]
    for number, axis in enumerate(shown):
        height = 0.7 / len(shown)
        bottom = 0.1 + (len(shown) - 1 - number) * height
        panel = figure.add_axes((0.7, bottom + 0.3 * height, 0.25, 0.62 * height), facecolor=PAPER)
        _draw_axis(panel, axis, trials, winner)


def _draw_curves(figure: Any, folder: Path, trials: Sequence[Trial], winner: Trial | None) -> None:
    panel = figure.add_axes((0.075, 0.1, 0.56, 0.7), facecolor=PAPER)
    shown: list[float] = []
    longest = 1
    for trial in trials:
        try:
            run = Run.open(trial_folder(folder, trial.number))
        except RunError:
            continue  # one that failed has none
        total_steps = run.config.recipe.total_steps
        longest = max(longest, total_steps)
        curve = smooth_curve(run.metrics.losses, total_steps)
        if curve is None:
            continue
        is_best = winner is not None and trial.number == winner.number
        panel.plot(
            *curve,
            color=_BEST if is_best else _colour(trial),
            linewidth=3 if is_best else 1.2,
            alpha=1.0 if is_best else 0.6,
            zorder=3 if is_best else 2,
        )
        shown += [float(np.nanmin(curve[1])), float(np.nanmax(curve[1]))]
    scale(panel, longest, shown)
    say(figure, 0.075, 0.81, "loss", size=14, color=QUIET)


def _draw_axis(panel: Any, axis: Axis, trials: Sequence[Trial], winner: Trial | None) -> None:
    """The loss of each trial over one of its values."""
    known = [
        trial
        for trial in trials
        if trial.loss is not None and math.isfinite(trial.loss) and axis.name in trial.values
    ]
    if isinstance(axis, Interval):
        places = {trial.number: trial.values[axis.name] for trial in known}
        if axis.log:
            panel.set_xscale("log")
        panel.set_xlim(axis.low, axis.high)
        panel.set_xticks([axis.low, axis.high], [value_text(axis.low), value_text(axis.high)])
        panel.set_xticks([], minor=True)
    else:
        places = {trial.number: axis.values.index(trial.values[axis.name]) for trial in known}
        ticks = range(0, len(axis.values), -(-len(axis.values) // _TICKS))
        panel.set_xticks(ticks, [value_text(axis.values[at]) for at in ticks])
        panel.set_xlim(-0.5, len(axis.values) - 0.5)
    for trial in known:
        is_best = winner is not None and trial.number == winner.number
        panel.plot(
            [places[trial.number]],
            [trial.loss],
            "o",
            color=_BEST if is_best else _colour(trial),
            markersize=11 if is_best else 7,
            zorder=3 if is_best else 2,
            clip_on=False,
        )
    panel.set_title(axis.name, color=INK, fontsize=14, loc="left")
    panel.tick_params(colors=QUIET, labelsize=12)
    panel.grid(color=QUIET, alpha=0.15)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        panel.spines[side].set_color(QUIET)


def _colour(trial: Trial) -> str:
    return _PRUNED if trial.state is TrialState.PRUNED else _OTHERS

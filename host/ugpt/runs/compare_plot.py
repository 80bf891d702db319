"""The curves of several runs in one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .comparison import Compared
from .lettering import Lettering
from .plot import INK, PAPER, QUIET, cut, picture, say, scale, smooth_curve
from .smoothing import Floats

_COLOURS = ("#39bae6", "#ffb454", "#7fd962", "#f26d78", "#d2a6ff", "#95e6cb", "#e6b673", "#73b8ff")
_DASHES = ("solid", (0, (6, 2)), (0, (2, 2)))
_NAME_LENGTH = 26
_ROWS = 14  # of the legend; the others are in the picture all the same


@dataclass(frozen=True)
class _Curve:
    name: str
    smoothed: tuple[Floats, Floats] | None
    val_losses: dict[int, float]
    colour: str
    dashes: Any


def comparison_png(runs: Sequence[Compared]) -> bytes:
    """A PNG of 1600 by 900 pixels. Raises RunError if it cannot be drawn."""
    return picture("The comparison", lambda figure, letters: _draw(figure, runs, letters))


def _draw(figure: Any, runs: Sequence[Compared], letters: Lettering) -> None:
    curves = [_curve(number, run, letters) for number, run in enumerate(runs)]
    axes = figure.add_axes((0.075, 0.1, 0.6, 0.8), facecolor=PAPER)
    shown: list[float] = []
    for curve in curves:
        if curve.smoothed is not None:
            axes.plot(
                *curve.smoothed,
                color=curve.colour,
                linestyle=curve.dashes,
                linewidth=2.5,
                solid_capstyle="round",
            )
            shown += [float(np.nanmin(curve.smoothed[1])), float(np.nanmax(curve.smoothed[1]))]
        if curve.val_losses:
            marks = list(curve.val_losses.values())
            axes.plot(
                list(curve.val_losses),
                marks,
                "D",
                color=curve.colour,
                markeredgecolor=PAPER,
                markersize=8,
                zorder=4,
                clip_on=False,
            )
            shown += marks
    scale(axes, max(run.run.config.recipe.total_steps for run in runs), shown)
    say(figure, 0.075, 0.93, "loss", size=16, color=QUIET)
    if any(curve.val_losses for curve in curves):
        say(figure, 0.675, 0.93, "diamonds: on held-out texts", size=13, color=QUIET, ha="right")
    say(figure, 0.97, 0.925, "µgpt", size=24, weight="bold", color=_COLOURS[0], ha="right")
    _legend(figure, curves)


def _legend(figure: Any, curves: Sequence[_Curve]) -> None:
    """Each name with the loss at its end, the lowest first."""
    order = sorted(curves, key=_last)
    for row, curve in enumerate(order[:_ROWS]):
        y = 0.85 - row * 0.055
        figure.add_artist(_stroke(curve, y + 0.01))
        say(figure, 0.735, y, cut(curve.name, _NAME_LENGTH), size=15, color=INK)
        last = _last(curve)
        text = f"{last:.3f}" if math.isfinite(last) else "-"
        say(figure, 0.97, y, text, size=15, weight="bold", color=curve.colour, ha="right")
    if len(order) > _ROWS:
        say(figure, 0.735, 0.85 - _ROWS * 0.055, f"and {len(order) - _ROWS} more", color=QUIET)


def _stroke(curve: _Curve, y: float) -> Any:
    from matplotlib.lines import Line2D

    return Line2D((0.7, 0.728), (y, y), color=curve.colour, linestyle=curve.dashes, linewidth=2.5)


def _curve(number: int, run: Compared, letters: Lettering) -> _Curve:
    metrics = run.run.metrics
    return _Curve(
        letters.drawable(run.name),
        smooth_curve(metrics.losses, run.run.config.recipe.total_steps),
        {step: loss for step, loss in metrics.val_losses.items() if math.isfinite(loss)},
        _COLOURS[number % len(_COLOURS)],
        _DASHES[number // len(_COLOURS) % len(_DASHES)],
    )


def _last(curve: _Curve) -> float:
    return float(curve.smoothed[1][-1]) if curve.smoothed is not None else math.inf

"""The losses of a run, drawn into axes of matplotlib or as a small picture for a notebook."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runs.smoothing import trailing_mean, windows


def draw(
    axes: Any, losses: NDArray[np.float32], val_losses: Mapping[int, float], total_steps: int
) -> None:
    """Each loss as a dot, their mean as a line, and validation losses as diamonds."""
    steps = np.arange(1, len(losses) + 1)
    means = trailing_mean(losses.astype(np.float64), windows(steps, total_steps))
    axes.plot(steps, losses, ".", markersize=2, color="0.8", label="each step")
    axes.plot(steps, means, label="mean of the last steps")
    marks = {step: loss for step, loss in val_losses.items() if math.isfinite(loss)}
    if marks:
        axes.plot(list(marks), list(marks.values()), "D-", markersize=4, label="validation")
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()


def picture(
    losses: NDArray[np.float32], val_losses: Mapping[int, float], total_steps: int
) -> bytes:
    """A small PNG, whatever backend the program around uses."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), dpi=100, layout="tight")
    canvas: Any = FigureCanvasAgg(figure)
    draw(figure.subplots(), losses, val_losses, total_steps)
    content = io.BytesIO()
    canvas.print_png(content)
    return content.getvalue()

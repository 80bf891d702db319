"""The loss curve of a run as a picture."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence

import numpy as np

from .smoothing import trailing_mean


def loss_png(losses: Sequence[float], val_losses: Mapping[int, float], title: str) -> bytes:
    """A PNG of the losses of steps 1..n: each one, and their trailing mean.

    `val_losses` are validation losses by step, drawn if there are any.
    """
    # Slow to import, and its only message is about a font cache it builds once.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib.figure import Figure

    values = np.array(losses, dtype=np.float64)
    steps = np.arange(1, len(values) + 1)
    window = min(max(len(values) // 20, 1), 1000)
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.plot(steps, values, ".", markersize=2, color="0.7", label="each step")
    axes.plot(
        steps, trailing_mean(values, window), color="tab:blue", label=f"mean of {window:,} steps"
    )
    if val_losses:
        axes.plot(
            list(val_losses),
            list(val_losses.values()),
            "D-",
            markersize=4,
            linewidth=1,
            color="tab:orange",
            label="validation",
        )
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()

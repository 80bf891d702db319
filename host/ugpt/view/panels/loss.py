"""The loss: its curve, and what the number means."""

from __future__ import annotations

import math
from dataclasses import replace

from rich.text import Text

from ..chart import CURVE_STYLE, MARK, Plot, loss_chart
from ..state import DashboardState
from ..style import QUIET, VALIDATION
from .frame import Lines, framed

_FEW = 10


def loss_panel(state: DashboardState, width: int, height: int) -> Lines:
    """The curve in a frame; `height` is at least 5."""
    chart = loss_chart(replace(plot_of(state), banded=True), width - 4, height - 2)
    title = "loss" if state.logarithmic else "loss, linear"
    return framed(title, loss_figures(state), chart, width)


def bare_curve(state: DashboardState, width: int, height: int) -> Lines:
    """The curve alone, and the losses beside its end if there is room."""
    figures = loss_figures(state)[:2]
    margin = max((figure.cell_len for figure in figures), default=0) + 2
    if width - margin < 16:
        return loss_chart(plot_of(state), width, height, axis=False)
    lines = loss_chart(plot_of(state), width - margin, height, axis=False)
    for line, figure in zip(reversed(lines), reversed(figures), strict=False):
        line.pad_right(width - margin - line.cell_len + 2)
        line.append_text(figure)
    return lines


def plot_of(state: DashboardState) -> Plot:
    baselines = state.baselines.by_name if state.baselines else {}
    return Plot(
        state.curve, state.total_steps, state.val_losses, baselines, logarithmic=state.logarithmic
    )


def loss_figures(state: DashboardState) -> list[Text]:
    """The mean loss, the validation loss, and what the first one means."""
    if not state.recent:
        return []
    mean = state.mean_loss
    figures = []
    if mean is not None:
        figures.append(Text.assemble(("━ ", CURVE_STYLE), (f"{mean:.3f}", "bold")))
    if state.val_losses:
        last = state.val_losses[max(state.val_losses)]
        figures.append(Text.assemble((f"{MARK} ", VALIDATION), (f"{last:.3f}", "bold")))
    if state.started and mean is not None:
        figures.append(Text(guesses(mean, state.started.vocab_size), QUIET))
    return figures


def guesses(loss: float, vocab_size: int) -> str:
    """A loss as the number of equally likely tokens that would make it."""
    among = math.exp(min(loss, 20.0))
    shown = f"{among:.1f}" if among < _FEW - 0.05 else f"{among:,.0f}"
    return f"guesses among {shown} of {vocab_size:,}"

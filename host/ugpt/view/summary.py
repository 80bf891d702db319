"""What stays in the scrollback of a run that was watched: few lines, with the curve."""

from __future__ import annotations

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.text import Text

from ..wording import counted
from .capability import terminal_size
from .chart import loss_chart
from .cleaning import printable
from .output import Output, pasteable
from .panels.diary import diary_lines
from .panels.frame import fitted, joined
from .panels.header import header
from .panels.loss import loss_figures, plot_of
from .state import Condition, DashboardState
from .style import QUIET, duration, sampled

_CURVE_LINES = 8
_WIDTH_MAX = 100
_CURVE_WIDTH_LEAST = 24
_DIARY_LINES = 4


def print_summary(state: DashboardState) -> None:
    """Nothing for a run that did not begin."""
    if state.started is None or not state.step:
        return
    width, _ = terminal_size()
    console = Output(width=width, force_jupyter=False)
    console.print(summary(state, min(width, _WIDTH_MAX)), crop=False)


def summary(state: DashboardState, width: int) -> RenderableType:
    """The curve, the losses, what it wrote, and where all of it is."""
    assert state.started is not None
    lines: list[RenderableType] = [fitted(header(state, width, state.since_s), width)]
    if width >= _CURVE_WIDTH_LEAST:
        lines += loss_chart(plot_of(state), width, _CURVE_LINES)
    lines.append(joined([*loss_figures(state), Text(_steps(state), QUIET)]))
    if state.finished is None:
        return Group(*lines, *diary_lines(state, width, _DIARY_LINES))
    block_size = state.started.block_size
    samples = [sampled(text, block_size) for text in state.finished.samples]
    lines += [
        Text(f"{counted(len(samples), 'sample')}, drawn on the board:", QUIET),
        Columns([Text(text, "bold") for text in samples], padding=(0, 2)),
        _unbroken(f"All of it is in {printable(str(state.finished.run))}; for more:"),
        _unbroken(pasteable(state.finished.more)),
    ]
    return Group(*lines)


def _unbroken(line: str) -> Text:
    """A narrow terminal breaks it without a line end, so that it can be pasted."""
    return Text(line, QUIET, no_wrap=True, overflow="ignore")


def _steps(state: DashboardState) -> str:
    """Such as `60,000 steps in 1:32`, or `60,000 steps, 58,002 of them in 1:29` of a run that had
    been begun before."""
    took = ""
    if state.progress is not None:
        before = state.started.step if state.started else 0
        part = f", {state.step - before:,} of them" if before else ""
        took = f"{part} in {duration(state.progress.elapsed_s)}"
    if state.condition is Condition.FINISHED:
        return f"{counted(state.step, 'step')}{took}"
    return f"{state.step:,} of {counted(state.total_steps, 'step')}{took}"

"""Whose run this is, how it stands, and how far it is."""

from __future__ import annotations

from rich.text import Text

from ...training.events import Purpose
from ...wording import counted, data_name
from ..cleaning import printable
from ..state import Condition, DashboardState, transfer_text
from ..style import ACCENT, GOOD, QUIET, WARNING, bar, duration, rate
from .frame import spread

_NAME = "µgpt"
_SHARE_MAX = 0.9999  # of a run that is not complete


def header(state: DashboardState, width: int, now_s: float) -> Text:
    """Data set, size and device; at the right what matters now.

    Left out first when it gets narrow: the device, then the parameters.
    """
    right = standing(state, now_s)
    left = Text(_NAME, f"bold {ACCENT}", no_wrap=True)
    started = state.started
    if started is None:
        return spread(left, right, width)
    troubled = state.condition in (Condition.SILENT, Condition.LOST)
    device = started.device_name or started.device
    parts = [
        Text(printable(data_name(started.data)), "bold"),
        Text(f"{counted(started.parameters, 'parameter')}", QUIET),
        Text.assemble(("● ", WARNING if troubled else GOOD), (printable(device), QUIET)),
    ]
    room = width - right.cell_len - 2
    for number, part in enumerate(parts):
        if number and left.cell_len + 2 + part.cell_len > room:
            if number == 2 and room - left.cell_len > 12:
                left.append("  ").append_text(part)  # its start says what kind of device it is
            break
        left.append("  ").append_text(part)
    return spread(left, right, width)


def standing(state: DashboardState, now_s: float) -> Text:
    """How the run stands, in a few words."""
    silent = f"no answer for {duration(max(now_s - state.since_s, 1.0))}"
    match state.condition:
        case Condition.CONNECTING:
            return Text("connecting", QUIET)
        case Condition.SILENT | Condition.LOST:
            return Text(silent, f"bold {WARNING}")
        case Condition.PAUSED:
            return Text("paused", f"bold {WARNING}")
        case Condition.STOPPED:
            return Text("stopped", f"bold {WARNING}")
        case Condition.DETACHED:
            return Text("goes on by itself", GOOD)
        case Condition.FINISHED:
            elapsed_s = state.finished.elapsed_s if state.finished else None
            return Text("done" if elapsed_s is None else f"done in {duration(elapsed_s)}", GOOD)
        case Condition.TRAINING:
            progress = state.progress
            if state.transfer and state.transfer.purpose == Purpose.SAVE:
                return Text(transfer_text(state.transfer), ACCENT)
            if progress and progress.saving:
                return Text("saving", ACCENT)
            if progress and progress.left_s is not None and state.step < state.total_steps:
                return Text.assemble((duration(progress.left_s), "bold"), (" left", QUIET))
    return Text("")


def bar_line(state: DashboardState, width: int) -> Text:
    """The share of the steps that are done, with as much of the figures as there is room for."""
    total, step = state.total_steps, state.step
    share = step / total if total else 0.0
    percent = 100 if step >= total > 0 else int(min(share, _SHARE_MAX) * 100)
    figures = Text(f"  {percent}%", "bold")
    if width >= 50:
        figures = Text.assemble(f"  {step:,}", (f" / {total:,}", QUIET), figures)
    style = GOOD if total and step >= total else ACCENT
    if width < figures.cell_len + 4:
        return Text(f"{percent}%"[:width], style)
    return bar(share, width - figures.cell_len, style) + figures


def steps_line(state: DashboardState, width: int) -> Text:
    """Steps done and steps a second, for a narrow screen."""
    left = Text.assemble(f"{state.step:,}", (f" / {state.total_steps:,}", QUIET))
    return spread(left, Text(f"{rate(state.steps_per_s)} steps/s"), width)

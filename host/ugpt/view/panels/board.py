"""The board: what it tells of itself, a figure a row."""

from __future__ import annotations

from rich.text import Text

from ..state import DashboardState
from ..style import ACCENT, QUIET, byte_count, duration, memory_gauge, rate, sparkline
from .figures import link, norm, small
from .frame import Lines, framed

_LABEL_COLUMNS = 10
_TREND_COLUMNS = 16


def board_panel(state: DashboardState, width: int, height: int, now_s: float) -> Lines:
    """A frame of `height` lines; rows that the device tells nothing of are left out."""
    rows = _rows(state, now_s)[: height - 2]
    rows += [Text()] * (height - 2 - len(rows))
    return framed("board", [], rows, width)


def _rows(state: DashboardState, now_s: float) -> Lines:
    started, progress = state.started, state.progress
    rows: Lines = []
    if started and started.memory_available_bytes:
        share = started.memory_bytes / started.memory_available_bytes
        rows.append(
            _row("memory", memory_gauge(share)).append(
                f"  {byte_count(started.memory_bytes)}", QUIET
            )
        )
    if progress:
        if progress.heap_free_bytes is not None:
            heap = Text(byte_count(progress.heap_free_bytes))
            if progress.heap_least_free_bytes is not None:
                heap.append(f"  lowest {byte_count(progress.heap_least_free_bytes)}", QUIET)
            rows.append(_row("heap", heap))
        if progress.temperature_c is not None:
            trend = sparkline(state.temperatures, _TREND_COLUMNS)
            rows.append(
                _row("chip", Text.assemble(f"{progress.temperature_c:.0f} °C  ", (trend, ACCENT)))
            )
        if progress.step_s:
            rows.append(_row("step", Text(duration(progress.step_s))))
        tokens_per_s = progress.tokens_per_s if state.steps_per_s else 0.0
        rows.append(_row("tokens", Text(f"{rate(tokens_per_s)}/s")))
        if progress.learning_rate:
            rows.append(_row("rate", Text(small(progress.learning_rate))))
        if progress.gradient_norm is not None:
            trend = sparkline(state.gradient_norms, _TREND_COLUMNS)
            rows.append(
                _row(
                    "gradient",
                    Text.assemble(f"{norm(progress.gradient_norm):<6}", (trend, ACCENT)),
                )
            )
        rows.append(_row("line", _line(state)))
    if state.saved_step:
        ago = Text(f"at {state.saved_step:,}")
        ago.append(f", {_ago(now_s - state.saved_s)} ago", QUIET)
        rows.append(_row("saved", ago))
    return rows


def _line(state: DashboardState) -> Text:
    """The wire: its rate, what flows, and whether it has trouble."""
    progress = state.progress
    assert progress is not None
    flow = progress.sent_bytes_per_s + progress.received_bytes_per_s
    text = link(state)[len("link ") :]
    text.append(f"  {byte_count(flow)}/s", QUIET)
    if progress.baud:
        text.append(f"  {progress.baud:,} baud", QUIET)
    return text


def _row(name: str, value: Text) -> Text:
    return Text.assemble((f"{name:<{_LABEL_COLUMNS}}", QUIET), value, no_wrap=True)


def _ago(seconds: float) -> str:
    """Such as `20 s`, `3 min` or `2 h`."""
    if seconds < 60:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.0f} h"

"""One line of figures."""

from __future__ import annotations

import math

from rich.text import Text

from ..state import Condition, DashboardState
from ..style import GOOD, QUIET, WARNING, byte_count, memory_gauge, rate, short_count
from .frame import joined

_BY_IMPORTANCE = (
    "speed",
    "link",
    "learning rate",
    "saved",
    "gradient",
    "memory",
    "heap",
    "temperature",
    "tokens",
)
"""What goes when it gets narrow, the last first."""


def figures_line(state: DashboardState, width: int) -> Text:
    """As many of the figures as there is room for."""
    figures = all_figures(state)
    shown: set[str] = set()
    for name in _BY_IMPORTANCE:
        more = {*shown, name}
        if _line(figures, more).cell_len <= width:
            shown = more
    return _line(figures, shown)


def _line(figures: dict[str, Text], shown: set[str]) -> Text:
    return joined([figure for name, figure in figures.items() if name in shown])


def all_figures(state: DashboardState) -> dict[str, Text]:
    """What is known, by name, in the order in which it is shown."""
    figures = {"speed": Text(f"{rate(state.steps_per_s)} steps/s", "bold")}
    progress, started = state.progress, state.started
    if progress:
        tokens_per_s = progress.tokens_per_s if state.steps_per_s else 0.0
        figures["tokens"] = Text(f"{rate(tokens_per_s)} tokens/s", QUIET)
        if progress.learning_rate:
            figures["learning rate"] = _named("lr", small(progress.learning_rate))
        if progress.gradient_norm is not None:
            figures["gradient"] = _named("|g|", norm(progress.gradient_norm))
    if started and started.memory_available_bytes:
        share = started.memory_bytes / started.memory_available_bytes
        figures["memory"] = Text.assemble(("mem ", QUIET), memory_gauge(share))
    if progress:
        if progress.heap_free_bytes is not None:
            figures["heap"] = _named("heap", byte_count(progress.heap_free_bytes))
        if progress.temperature_c is not None:
            figures["temperature"] = Text(f"{progress.temperature_c:.0f} °C")
        figures["link"] = link(state)
    if state.saved_step:
        figures["saved"] = _named("saved", short_count(state.saved_step))
    return figures


def link(state: DashboardState) -> Text:
    """A dot, until the line has lost something; no good one while nobody answers."""
    lost = state.progress.lost if state.progress else 0
    troubled = state.condition in (Condition.SILENT, Condition.LOST)
    if not lost:
        return Text.assemble(("link ", QUIET), ("●", WARNING if troubled else GOOD))
    return Text.assemble(("link ", QUIET), (f"● {lost:,} lost", WARNING))


def small(value: float) -> str:
    """A figure around one in three digits, such as `.0062` or `1.24`."""
    if not math.isfinite(value):
        return str(value)
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 1:
        return f"{value:.2f}"
    if value < 1e-5:
        return f"{value:.1e}" if value else "0"
    decimals = 1 - math.floor(math.log10(value))
    return f"{value:.{max(decimals, 2)}f}".removeprefix("0")


def norm(value: float) -> str:
    """A figure that changes with every step: of the same width in most, so that nothing jumps."""
    return f"{value:.2f}" if 0.01 <= value < 1000 else small(value)


def _named(name: str, value: str) -> Text:
    return Text.assemble((f"{name} ", QUIET), value)

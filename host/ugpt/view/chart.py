"""A loss curve in braille characters, two by four dots each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from ..runs.smoothing import Floats
from .curve import Curve, Smoothed
from .style import ACCENT, QUIET, VALIDATION, short_count

CURVE_STYLE = f"bold {ACCENT}"
MARK = "◆"
BAND = "░"

_BRAILLE = 0x2800
_DOT_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_LABELLED_COLUMNS = 30  # of the curve, that labels at its right must leave
_MIDDLE_HALF = 0.6745  # standard deviations of a normal distribution, either way
_STEADY_ROWS = 0.75
_MARKS_BEYOND = 0.5  # of the height of the curve and the baselines
_NEAR_DOTS = 2  # a mark so near the curve stands on it


@dataclass(frozen=True)
class Plot:
    """What a chart shows."""

    curve: Curve
    total_steps: int
    marks: Mapping[int, float]
    """Other losses, by step, to be marked one by one."""
    baselines: Mapping[str, float]
    """Losses to compare with, by name."""
    logarithmic: bool = True
    banded: bool = False
    """Whether a band shows how far single losses are from their mean."""


@dataclass(frozen=True)
class _Scale:
    """From losses and steps to dots."""

    low: float
    high: float
    rows: int
    columns: int
    last_step: int
    logarithmic: bool

    def dot_row(self, losses: Floats) -> NDArray[np.int64]:
        height = self.rows * 4
        position = (self.high - losses) / (self.high - self.low) * height
        return np.clip(position, 0, height - 1).astype(np.int64)

    def step_at(self, dot_columns: Floats) -> Floats:
        share = dot_columns / max(self.columns * 2 - 1, 1)
        if self.logarithmic:
            return np.asarray(self.last_step**share)
        return np.asarray(1 + share * (self.last_step - 1))

    def dot_column(self, step: int) -> int:
        if self.logarithmic:
            share = math.log(step) / max(math.log(self.last_step), 1e-9)
        else:
            share = (step - 1) / max(self.last_step - 1, 1)
        return round(share * (self.columns * 2 - 1))


def nice_step(span: float, count: int) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that cuts `span` in at most `count` parts."""
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))


def loss_chart(plot: Plot, width: int, height: int, *, axis: bool = True) -> list[Text]:
    """The smoothed curve in `height` lines of at most `width` columns.

    The last two are the axis of steps, unless it is left out; then the labels are too.
    """
    rows = max(height - 2 * axis, 1)
    smoothed = plot.curve.smoothed(plot.total_steps, logarithmic=plot.logarithmic)
    marks = {
        step: loss
        for step, loss in plot.marks.items()
        if 0 < step <= plot.curve.step and math.isfinite(loss)
    }
    low, high = _range(smoothed.losses, marks, plot.baselines if axis else {})
    ticks = _y_ticks(low, high, rows) if axis else {}
    margin = max((len(label) for label in ticks.values()), default=0) + 2 if axis else 0
    names = max((len(name) for name in plot.baselines), default=0) + 2
    labelled = axis and len(plot.baselines) > 0 and width - margin - names >= _LABELLED_COLUMNS
    columns = max(width - margin - (names if labelled else 0), 1)
    last_step = max(plot.total_steps if plot.logarithmic else plot.curve.step, 2)
    scale = _Scale(low, high, rows, columns, last_step, plot.logarithmic)

    tops = _dot_rows(plot.curve.step, smoothed, scale)
    codes = _codes(tops, scale)
    band = _band(smoothed, tops, scale) if plot.banded else np.zeros(codes.shape, dtype=bool)
    placed = _place_marks(marks, tops, scale)
    lines_at = _baseline_rows(plot.baselines, scale) if axis else {}
    lines = []
    for row in range(rows):
        text = Text(no_wrap=True)
        if axis:
            label = ticks.get(row, "")
            text.append(f"{label:>{margin - 2}} {'┤' if label else '│'}", QUIET)
        name = lines_at.get(row)
        at = placed.get(row, set())
        text.append_text(_row(codes[row], band[row], at, dotted=name is not None))
        if labelled and name:
            text.append(f"  {name}", QUIET)
        lines.append(text)
    return lines + (_x_axis(scale, margin) if axis else [])


def _range(
    losses: Floats, marks: Mapping[int, float], baselines: Mapping[str, float]
) -> tuple[float, float]:
    """Lowest and highest loss to show, a little apart in any case.

    Marks far beyond the curve and the baselines do not stretch it: they are drawn at the edge.
    """
    values = np.array(list(marks.values()))
    shown = np.array([*losses, *baselines.values()])
    if len(shown):
        beyond = _MARKS_BEYOND * (shown.max() - shown.min())
        values = values.clip(shown.min() - beyond, shown.max() + beyond)
    shown = np.array([*shown, *values])
    if not len(shown):
        return 0.0, 1.0
    low, high = float(shown.min()), float(shown.max())
    space = max((high - low) * 0.04, 0.02)
    return max(low - space, 0.0), high + space


def _y_ticks(low: float, high: float, rows: int) -> dict[int, str]:
    """Labels by row."""
    step = nice_step(high - low, max(rows // 2, 1))
    decimals = max(0, -math.floor(math.log10(step)))
    ticks = {}
    for k in range(math.ceil(low / step), math.floor(high / step) + 1):
        row = int((high - k * step) / (high - low) * rows)
        ticks[min(row, rows - 1)] = f"{k * step:.{decimals}f}"
    return ticks


def _dot_rows(step: int, smoothed: Smoothed, scale: _Scale) -> NDArray[np.int64]:
    """The row of the curve in each column of dots; -1 where it is not known."""
    columns = np.arange(scale.columns * 2, dtype=np.float64)
    rows = np.full(len(columns), -1, dtype=np.int64)
    if not len(smoothed.steps):
        return rows
    at = scale.step_at(columns)
    first = np.floor(scale.step_at(columns - 0.5)).astype(np.int64) + 1
    last = np.minimum(np.floor(scale.step_at(columns + 0.5)), step).astype(np.int64)
    first = np.maximum(first, 1)
    # A column between two steps belongs to the line between them, if both are known.
    below = np.floor(at).astype(np.int64)
    between = (
        (first > last)
        & (below + 1 <= step)
        & smoothed.any_known(below, below)
        & smoothed.any_known(below + 1, below + 1)
    )
    shown = smoothed.any_known(first, last) | between
    rows[shown] = scale.dot_row(np.interp(at[shown], smoothed.steps, smoothed.losses))
    return rows


def _codes(tops: NDArray[np.int64], scale: _Scale) -> NDArray[np.int64]:
    """The braille pattern of each cell."""
    dots = np.zeros((scale.rows * 4, scale.columns * 2), dtype=bool)
    before = -1
    for column, row in enumerate(tops.tolist()):
        if row >= 0:
            # Every dot between two columns, so that a steep curve stays one line.
            start = row if before < 0 or before == row else before + (1 if before < row else -1)
            dots[min(start, row) : max(start, row) + 1, column] = True
        before = row
    cells = dots.reshape(scale.rows, 4, scale.columns, 2).transpose(0, 2, 1, 3)
    return np.asarray((cells * _DOT_BITS).sum(axis=(2, 3)), dtype=np.int64)


def _band(smoothed: Smoothed, tops: NDArray[np.int64], scale: _Scale) -> NDArray[np.bool_]:
    """The cells around the curve that about half of the single losses lie in, if it is known."""
    if not len(smoothed.steps):
        return np.zeros((scale.rows, scale.columns), dtype=bool)
    at = scale.step_at(np.arange(scale.columns, dtype=np.float64) * 2 + 0.5)
    means = np.interp(at, smoothed.steps, smoothed.losses)
    spreads = _MIDDLE_HALF * np.interp(at, smoothed.steps, smoothed.spreads)
    of_row = scale.rows / (scale.high - scale.low)
    top, bottom = (
        _steady((scale.high - edge) * of_row) for edge in (means + spreads, means - spreads)
    )
    rows = np.arange(scale.rows)[:, np.newaxis]
    known = tops.reshape(-1, 2).max(axis=1) >= 0
    return np.asarray((rows >= top) & (rows < bottom) & known)


def _steady(edge: Floats) -> Floats:
    """The edge of a band in whole rows; it moves only for more than the noise between two rows."""
    rows = []
    row = math.inf
    for value in edge.tolist():
        if abs(value - row) > _STEADY_ROWS:
            row = round(value)
        rows.append(row)
    return np.array(rows, dtype=np.float64)


def _place_marks(
    marks: Mapping[int, float], tops: NDArray[np.int64], scale: _Scale
) -> dict[int, set[int]]:
    """The columns of the marks in each row of characters.

    A mark is as tall as four dots: near the curve it stands on it, so that the edge of a character
    does not make a difference that is none.
    """
    placed: dict[int, set[int]] = {}
    for step, loss in marks.items():
        column = scale.dot_column(step)
        row = int(scale.dot_row(np.array([loss]))[0])
        top = int(tops[column])
        if top >= 0 and abs(top - row) <= _NEAR_DOTS:
            row = top
        placed.setdefault(row // 4, set()).add(column // 2)
    return placed


def _baseline_rows(baselines: Mapping[str, float], scale: _Scale) -> dict[int, str]:
    """The name of the baseline in a row; of two in one row the lower."""
    ordered = sorted(baselines.items(), key=lambda item: -item[1])
    return {int(scale.dot_row(np.array([loss]))[0]) // 4: name for name, loss in ordered}


def _row(
    codes: NDArray[np.int64], band: NDArray[np.bool_], marks: set[int], *, dotted: bool
) -> Text:
    """One row of characters: the curve, marks in place of it, dots and the band beside them."""
    characters = [
        MARK
        if column in marks
        else chr(_BRAILLE + code)
        if code
        else "·"
        if dotted and column % 2
        else BAND
        if band[column]
        else " "
        for column, code in enumerate(codes.tolist())
    ]
    text = Text("".join(characters), QUIET, no_wrap=True)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], codes > 0, [False]))))
    for start, end in edges.reshape(-1, 2).tolist():
        text.stylize(CURVE_STYLE, start, end)
    for column in marks:
        text.stylize(VALIDATION, column, column + 1)
    return text


def _x_axis(scale: _Scale, margin: int) -> list[Text]:
    """The axis with its ticks, and the step numbers below it."""
    ruler = ["─"] * scale.columns
    width = scale.columns + margin
    labels = [" "] * width
    for tick in _x_ticks(scale):
        column = scale.dot_column(tick) // 2
        label = short_count(tick)
        start = min(column + margin, width - len(label))
        if start < 1 or any(c != " " for c in labels[start - 1 : start + len(label) + 1]):
            continue
        ruler[column] = "┬"
        labels[start : start + len(label)] = label
    corner = " " * (margin - 1) + "└"
    return [
        Text(corner + "".join(ruler), QUIET, no_wrap=True),
        Text("".join(labels), QUIET, no_wrap=True),
    ]


def _x_ticks(scale: _Scale) -> list[int]:
    """Steps to label, the most important first."""
    last = scale.last_step
    if scale.logarithmic:
        return [1, last, *(10**power for power in range(1, len(str(last))) if 10**power < last)]
    step = max(int(nice_step(last, max(scale.columns // 12, 1))), 1)
    return [1, *range(step, last + 1, step)]

"""A loss curve in braille characters, two by four dots each."""

import math
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from ..runs.smoothing import Floats, trailing_mean

RAW_STYLE = "bright_black"
SMOOTHED_STYLE = "bold bright_cyan"
MARK = "◆"
MARK_STYLE = "bold bright_yellow"
AXIS_STYLE = "bright_black"

_DOTS_PER_COLUMN = 4  # of raw losses at most: more would blacken the curve
_OUTLIERS_PERCENT = 0.5  # at either end, left out of the picture
_BRAILLE = 0x2800
_DOT_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def nice_step(span: float, count: int) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that cuts `span` in at most `count` parts."""
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))


def loss_chart(
    losses: Floats, marked: Mapping[int, float], window: int, width: int, height: int
) -> list[Text]:
    """The curve of `losses` (of steps 1..n), raw and as a trailing mean over `window` steps.

    `marked` are other losses, by step, to be marked one by one.
    Returns `height` lines of at most `width` columns, the last two of them the axis of steps.
    """
    rows = max(height - 2, 1)
    smoothed = trailing_mean(losses, window)
    marked = {step: loss for step, loss in marked.items() if 0 < step <= len(losses)}
    low, high = _range(losses, smoothed, marked)
    ticks = _y_ticks(low, high, rows)
    margin = max((len(label) for label in ticks.values()), default=0)
    columns = max(width - margin - 2, 1)

    raw = np.zeros((rows * 4, columns * 2), dtype=bool)
    line = np.zeros_like(raw)
    if len(losses):
        _plot(raw, line, losses, smoothed, low, high)

    marks = _place_marks(marked, len(losses), columns, rows, low, high)
    lines = []
    for row in range(rows):
        text = Text(no_wrap=True)
        label = ticks.get(row, "")
        text.append(f"{label:>{margin}} {'┤' if label else '│'}", AXIS_STYLE)
        dots = slice(row * 4, row * 4 + 4)
        _append_dots(text, raw[dots], line[dots], marks.get(row, set()))
        lines.append(text)
    return lines + _x_axis(len(losses), margin, columns)


def _range(losses: Floats, smoothed: Floats, marked: Mapping[int, float]) -> tuple[float, float]:
    """Lowest and highest loss to show, a little apart in any case."""
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return 0.0, 1.0
    usual = np.percentile(finite, [_OUTLIERS_PERCENT, 100 - _OUTLIERS_PERCENT])
    marks = [loss for loss in marked.values() if math.isfinite(loss)]
    shown = np.concatenate((usual, smoothed[np.isfinite(smoothed)], marks))
    low, high = float(shown.min()), float(shown.max())
    space = max((high - low) * 0.03, 0.05)
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


def _plot(
    raw: NDArray[np.bool_],
    line: NDArray[np.bool_],
    losses: Floats,
    smoothed: Floats,
    low: float,
    high: float,
) -> None:
    """Sets the dots of both curves on canvases of [dot rows, dot columns]."""
    height, width = raw.shape

    def dot_row(values: Floats) -> NDArray[np.intp]:
        position = (high - values) / (high - low) * height
        rows: NDArray[np.intp] = np.clip(position, 0, height - 1).astype(np.intp)
        return rows

    stride = -(-len(losses) // (width * _DOTS_PER_COLUMN))
    steps = np.arange(0, len(losses), stride)
    steps = steps[(losses[steps] >= low) & (losses[steps] <= high)]
    scale = (width - 1) / max(len(losses) - 1, 1)
    raw[dot_row(losses[steps]), np.rint(steps * scale).astype(np.intp)] = True

    last = int((len(losses) - 1) * scale)
    at = np.interp(np.arange(last + 1) / scale, np.arange(len(losses)), smoothed)
    rows = dot_row(np.nan_to_num(at, nan=high, posinf=high))  # what is not known is passed over
    before = np.concatenate((rows[:1], rows[:-1]))
    for column, (start, end) in enumerate(zip(before, rows, strict=True)):
        if np.isnan(at[column]):
            continue
        # Every dot between two columns, so that a steep curve stays one line.
        step = 1 if end >= start else -1
        line[np.arange(start + step if start != end else start, end + step, step), column] = True


def _place_marks(
    marked: Mapping[int, float], steps: int, columns: int, rows: int, low: float, high: float
) -> dict[int, set[int]]:
    """The columns of the marks in each row of characters."""
    marks: dict[int, set[int]] = {}
    for step, loss in marked.items():
        if math.isfinite(loss):
            row = min(int((high - loss) / (high - low) * rows), rows - 1)
            column = round((step - 1) / max(steps - 1, 1) * (columns - 1))
            marks.setdefault(row, set()).add(column)
    return marks


def _append_dots(
    text: Text, raw: NDArray[np.bool_], line: NDArray[np.bool_], marks: set[int]
) -> None:
    """Appends one row of characters from four rows of dots; the line outshines the raw dots.

    In the columns of `marks` a mark stands in place of the dots.
    """

    def codes(dots: NDArray[np.bool_]) -> NDArray[np.int_]:
        cells = dots.reshape(4, -1, 2).transpose(1, 0, 2)
        return np.asarray((cells * _DOT_BITS).sum(axis=(1, 2)), dtype=np.int_)

    line_codes = codes(line)
    all_codes = codes(raw)
    all_codes[line_codes > 0] = line_codes[line_codes > 0]
    cells = [
        (MARK, MARK_STYLE)
        if column in marks
        else (chr(_BRAILLE + code) if code else " ", SMOOTHED_STYLE if is_line else RAW_STYLE)
        for column, (code, is_line) in enumerate(zip(all_codes, line_codes > 0, strict=True))
    ]
    for style, same in groupby(cells, key=itemgetter(1)):
        text.append("".join(character for character, _ in same), style)


def _x_axis(steps: int, margin: int, columns: int) -> list[Text]:
    """The axis with its ticks, and the step numbers below it."""
    ruler = ["─"] * columns
    labels = [" "] * (columns + margin + 2)
    if steps > 1:
        step = max(int(nice_step(steps, max(columns // 12, 1))), 1)
        for tick in [1, *range(step, steps + 1, step)]:
            column = round((tick - 1) / (steps - 1) * (columns - 1))
            label = f"{tick:,}"
            start = min(column + margin + 2, columns + margin + 2 - len(label))
            if start < 1 or any(c != " " for c in labels[start - 1 : start + len(label)]):
                continue
            ruler[column] = "┬"
            labels[start : start + len(label)] = label
    return [
        Text(" " * (margin + 1) + "└" + "".join(ruler), AXIS_STYLE, no_wrap=True),
        Text("".join(labels), AXIS_STYLE, no_wrap=True),
    ]

"""The bins of a long curve, and the chart drawn from them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rich.text import Text

from ugpt.runs.smoothing import trailing_mean, windows
from ugpt.view.chart import BAND, MARK, Plot, loss_chart, nice_step
from ugpt.view.curve import Curve

BASELINES = {"random": 3.3, "letter pairs": 2.3}


def made(losses: list[float], first: int = 1) -> Curve:
    curve = Curve()
    curve.put(first, losses)
    return curve


def falling(steps: int = 200) -> Curve:
    return made([float(loss) for loss in np.linspace(4, 1, steps)])


def plot(curve: Curve, marks: dict[int, float] | None = None, *, logarithmic: bool = False) -> Plot:
    return Plot(curve, max(curve.step, 1), marks or {}, {}, logarithmic=logarithmic)


def dots(line: Text) -> int:
    return sum((ord(c) - 0x2800).bit_count() for c in line.plain if 0x2800 < ord(c) < 0x2900)


@pytest.mark.parametrize("logarithmic", [False, True])
def test_short_curve_is_exact(logarithmic: bool) -> None:
    losses = np.random.default_rng(0).normal(2, 0.3, 250)
    smoothed = made(list(losses)).smoothed(10_000, logarithmic=logarithmic)
    expected = trailing_mean(losses, windows(np.arange(1, 251), 10_000))
    assert smoothed.losses == pytest.approx(expected)
    assert list(smoothed.steps) == list(range(1, 251))


@pytest.mark.parametrize("logarithmic", [False, True])
def test_long_curve_is_nearly_exact(logarithmic: bool) -> None:
    steps = np.arange(1, 200_001)
    losses = 2 + 2 / np.sqrt(steps)
    smoothed = made(list(losses)).smoothed(200_000, logarithmic=logarithmic)
    expected = trailing_mean(losses, windows(steps, 200_000))
    at = smoothed.steps.astype(int) - 1
    assert len(at) < 4100
    assert smoothed.losses[50:] == pytest.approx(expected[at][50:], rel=0.01)


def test_parts_make_the_same_curve_as_the_whole() -> None:
    losses = [float(loss) for loss in np.random.default_rng(0).normal(2, 0.3, 20_000)]
    parts = Curve()
    for start in range(0, len(losses), 777):
        parts.put(1 + start, losses[start : start + 777])
    for logarithmic in (False, True):
        one = parts.smoothed(20_000, logarithmic=logarithmic)
        other = made(losses).smoothed(20_000, logarithmic=logarithmic)
        assert one.losses == pytest.approx(other.losses)


def test_repeated_steps_take_the_place_of_the_first_ones() -> None:
    curve = made([3.0] * 100)
    curve.put(51, [1.0] * 10)
    assert curve.step == 60
    smoothed = curve.smoothed(100, logarithmic=False)
    assert smoothed.steps[-1] == 60
    assert smoothed.losses[-1] == pytest.approx(1.0)
    assert smoothed.losses[49] == pytest.approx(3.0)


@pytest.mark.parametrize("logarithmic", [False, True])
def test_gap_is_drawn_as_a_gap(logarithmic: bool) -> None:
    curve = made([2.0] * 100)
    curve.put(601, [2.0] * 400)
    lines = loss_chart(plot(curve, logarithmic=logarithmic), 64, 8)[:6]
    cells = ["".join(line.plain[column] for line in lines) for column in range(6, 64)]
    drawn = "".join("x" if cell.strip() else " " for cell in cells)
    assert len(drawn.split()) == 2
    assert drawn.startswith("x")
    assert drawn.endswith("x")
    unknown = made([math.nan] * 500)
    unknown.put(501, [2.0] * 500)
    assert loss_chart(plot(unknown), 64, 8)[0].plain[10:20].strip() == ""


@pytest.mark.parametrize("logarithmic", [False, True])
def test_curve_fills_its_width_and_falls(logarithmic: bool) -> None:
    lines = loss_chart(plot(falling(1000), logarithmic=logarithmic), 80, 14)
    assert len(lines) == 14
    assert max(line.cell_len for line in lines) == 80
    assert all(
        any(0x2800 < ord(line.plain[x]) < 0x2900 for line in lines[:12]) for x in range(6, 80)
    )
    first = [row for row, line in enumerate(lines[:12]) if dots(line[:12])]
    last = [row for row, line in enumerate(lines[:12]) if dots(line[-4:])]
    assert max(first) < min(last)
    assert "1k" in lines[-1].plain


def test_marks_are_where_the_loss_is() -> None:
    marks = {1: 4.0, 200: 1.0, 100: 5.0, 999: 2.0}
    lines = loss_chart(plot(falling(), marks), 60, 14)
    places = [
        (row, column) for row, line in enumerate(lines)
        for column, character in enumerate(line.plain) if character == MARK
    ]  # fmt: skip
    assert len(places) == 3
    (top, middle), (high, left), (low, right) = places
    assert top < high < low
    assert left < middle < right
    assert right == 59


@pytest.mark.parametrize("height", range(6, 30))
def test_mark_next_to_the_curve_is_on_it(height: int) -> None:
    """Wherever the edges between characters fall, 2.2611 is not drawn below 2.2633."""
    curve = made([3.3] * 20 + [2.2633] * 480)
    lines = loss_chart(plot(curve, {400: 2.2611}), 60, height)[:-2]
    (row,) = [row for row, line in enumerate(lines) if MARK in line.plain]
    assert dots(lines[row]) > 0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_marks_without_a_place_are_passed_over(value: float) -> None:
    lines = loss_chart(plot(falling(), {100: value}), 60, 14)
    assert MARK not in "".join(line.plain for line in lines)


def test_single_steps_do_not_rule_the_axis() -> None:
    losses = [2.0] * 1000
    losses[500] = 90.0
    lines = loss_chart(plot(made(losses)), 60, 14)
    assert float(lines[1].plain.split()[0].strip("│┤") or lines[2].plain.split()[0]) < 10


def test_baselines_are_named_at_the_right() -> None:
    lines = loss_chart(Plot(falling(), 200, {}, BASELINES), 60, 14)
    assert [line.plain.split("  ")[-1].strip() for line in lines if line.plain[-1].isalpha()] == [
        "random", "letter pairs",
    ]  # fmt: skip


@pytest.mark.parametrize("values", [[], [2.0], [2.0] * 50, [math.nan] * 3, [1.0, math.inf, 2.0]])
@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (8, 3), (40, 9)])
def test_odd_losses(values: list[float], logarithmic: bool, size: tuple[int, int]) -> None:
    chart = Plot(made(values), 100, {1: 2.0}, BASELINES, logarithmic=logarithmic)
    assert len(loss_chart(chart, size[0], size[1], axis=size[1] > 2)) == size[1]


@pytest.mark.parametrize(
    ("span", "count", "step"), [(1, 5, 0.2), (0.9, 3, 0.5), (1000, 6, 200), (7, 1, 10)]
)
def test_nice_step(span: float, count: int, step: float) -> None:
    assert nice_step(span, count) == pytest.approx(step)


def banded(curve: Curve, *, band: bool = True) -> list[Text]:
    return loss_chart(Plot(curve, curve.step, {}, {}, logarithmic=False, banded=band), 60, 14)


@pytest.mark.parametrize("logarithmic", [False, True])
def test_spread_is_that_of_the_single_losses(logarithmic: bool) -> None:
    smoothed = made([1.5, 2.5] * 10_000).smoothed(20_000, logarithmic=logarithmic)
    assert smoothed.losses[100:] == pytest.approx(2.0, abs=0.04)
    assert smoothed.spreads[100:] == pytest.approx(0.5, abs=0.01)
    assert made([2.0] * 300).smoothed(300, logarithmic=logarithmic).spreads == pytest.approx(0.0)


def test_band_lies_around_the_curve_and_does_not_rule_the_axis() -> None:
    noise = [float(x) for x in np.random.default_rng(0).choice([-0.8, 0.8], 4000)]
    curve = made([loss + x for loss, x in zip(np.linspace(4, 1, 4000), noise, strict=True)])
    with_band, without = banded(curve), banded(curve, band=False)
    assert [line.plain.replace(BAND, " ") for line in with_band] == [line.plain for line in without]
    column = [line.plain[30] for line in with_band[:-2]]
    (at,) = [row for row, cell in enumerate(column) if 0x2800 < ord(cell) < 0x2900]
    assert column[at - 1] == column[at + 1] == BAND
    assert 2 <= column.count(BAND) <= 5


def test_no_band_where_nothing_is_known() -> None:
    curve = made([1.5, 2.5] * 500 + [math.nan] * 1000 + [1.5, 2.5] * 500)
    cells = "".join(line.plain[33] for line in banded(curve)[:-2])
    assert cells.strip() == ""


def test_marks_far_beyond_the_curve_do_not_flatten_it() -> None:
    """Validation losses of a small text may rise to many times those of training."""
    plain = [line.plain for line in loss_chart(plot(falling()), 64, 12)]
    marked = [line.plain for line in loss_chart(plot(falling(), {150: 60.0, 200: 70.0}), 64, 12)]
    assert MARK in marked[0]
    rows = [at for at, line in enumerate(marked) if any(0x2800 < ord(c) < 0x2900 for c in line)]
    assert len(rows) >= 6
    assert sum(MARK in line for line in marked) == 1
    assert sum(map(str.count, plain, [MARK] * len(plain))) == 0

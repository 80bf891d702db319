"""Whole frames of the dashboard, compared with those in frames/.

`UGPT_REWRITE_FRAMES=1 pytest tests/view/test_frames.py` writes them anew; look at the difference.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.support.scenes import NOW_S, SCENES, state_of
from ugpt.view.dashboard import help_pages, render
from ugpt.view.state import DashboardState
from ugpt.view.summary import summary

FRAMES = Path(__file__).parent / "frames"
SIZES = [(30, 8), (40, 15), (80, 24), (100, 30), (120, 40), (200, 60)]


def check(name: str, state: DashboardState, width: int, height: int) -> None:
    lines = [line.plain.rstrip() for line in render(state, width, height, NOW_S)]
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    compare(f"{name}-{width}x{height}", lines)


def compare(name: str, lines: list[str]) -> None:
    frame = "".join(f"{line}\n" for line in lines)
    file = FRAMES / f"{name}.txt"
    if os.environ.get("UGPT_REWRITE_FRAMES"):
        file.write_text(frame, "utf-8")
    assert frame == file.read_text("utf-8")


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", SCENES)
def test_frame(name: str, width: int, height: int) -> None:
    check(name, state_of(SCENES[name]), width, height)


@pytest.mark.parametrize(("width", "height"), [(40, 15), (80, 24)])
def test_help(width: int, height: int) -> None:
    state = state_of(SCENES["training"])
    for page in range(help_pages(state, width, height)):
        state.help_page = page
        check(f"help{page + 1}", state, width, height)


@pytest.mark.parametrize("width", [20, 60, 100])
@pytest.mark.parametrize("name", ["paused", "finished"])
def test_summary(name: str, width: int) -> None:
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False)
    console.print(summary(state_of(SCENES[name]), width), crop=False)
    compare(f"summary-{name}-{width}", [line.rstrip() for line in file.getvalue().splitlines()])


def test_linear_frame() -> None:
    state = state_of(SCENES["training"])
    state.logarithmic = False
    check("linear", state, 80, 24)

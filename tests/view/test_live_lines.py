"""Lines at the end of the screen, and what is told above them."""

from __future__ import annotations

import io

import pytest

from ugpt.view import live_lines
from ugpt.view.live_lines import LiveLines
from ugpt.view.output import Output


def test_nothing_is_drawn_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    foreground = True
    monkeypatch.setattr(live_lines, "in_foreground", lambda: foreground)
    screen = io.StringIO()
    lines = LiveLines(Output(file=screen, force_terminal=True, width=40))
    lines.begin()
    lines.draw("step 1")
    assert "step 1" in screen.getvalue()
    foreground = False
    drawn = screen.getvalue()
    lines.tell("a board is lost")
    lines.draw("step 2")
    assert screen.getvalue() == drawn
    foreground = True
    lines.draw("step 3")
    new = screen.getvalue()[len(drawn) :]
    assert "step 2" not in new
    assert new.count("a board is lost") == 1
    lines.tell("it is back")
    assert "it is back" in screen.getvalue()
    foreground = False
    lines.tell("the last word")
    lines.end()
    assert screen.getvalue().count("the last word") == 1
    lines.tell("done")
    assert screen.getvalue().count("done") == 1

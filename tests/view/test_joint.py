from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from ugpt.joint.events import BoardJoined, BoardLeft, JointStarted, PartDone, RoundDone
from ugpt.view.joint import JointLiveDisplay, JointPlainDisplay

STARTED = JointStarted(
    Path("runs/a"), Path("names.txt"), 5000, ("b-1", "b-2"), 4, 100, 4192, 0, 200, False
)


def done(number: int) -> RoundDone:
    return RoundDone(number, 2, 100 * number, 200, 2.5, 2, 1.5, 0.5, 0.75, 0.25, 1)


def test_text_lines_tell_of_rounds_and_boards(capsys: pytest.CaptureFixture[str]) -> None:
    display = JointPlainDisplay()
    for event in (BoardJoined("b-1"), STARTED, done(1), BoardLeft("b-2"), BoardJoined("b-2")):
        display.show(event)
    assert capsys.readouterr().out.splitlines() == [
        "training on 2 boards: b-1, b-2",
        "names.txt: 5,000 documents",
        "4,192 parameters; 4 workers, averaged every 100 steps",
        "round 1 of 2  step 100 of 200  mean loss 2.5000  2 s on 2 boards "
        "(compute 500 ms, wire 750 ms, wait 250 ms), 1 verified",
        "b-2 is lost; others do its part",
        "b-2 has joined",
    ]


def test_the_frame_shows_boards_and_the_parts_of_the_round() -> None:
    display = JointLiveDisplay()
    for event in (BoardJoined("b-2"), BoardJoined("b-1"), STARTED, done(1), PartDone(2, 3, "b-1")):
        display.show(event)
    shown = _frame(display)
    assert "100 of 200" in shown
    assert "2: 1 of 4 workers done" in shown
    assert "b-1, b-2" in shown
    assert "wire 750 ms" in shown
    display.show(BoardLeft("b-2"))
    assert "Ctrl-C stops after the round" in _frame(display).splitlines()[-1]
    assert "b-1, b-2" not in _frame(display)
    display.show(done(2))
    assert "all are done" in _frame(display)


def _frame(display: JointLiveDisplay) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(display._frame(STARTED))
    return captured.get()

"""A line that is shown while it grows."""

from __future__ import annotations

import io

import pytest

from ugpt.view.growing_line import GrowingLine
from ugpt.view.output import Output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("before", "after", "sent"),
    [
        ("> Onc", "> Once", "e"),
        ("> Once", "> O", "\b \b" * 3),
        ("> timf", "> time", "\b \be"),
        ("字", "", "\b \b" * 2),
        ("a", "a\x1b[2J", "·[2J"),
    ],
)
def test_only_what_differs_is_sent(before: str, after: str, sent: str) -> None:
    terminal = Terminal()
    line = GrowingLine(Output(file=terminal))
    line.become(before)
    shown = terminal.getvalue()
    line.become(after)
    assert terminal.getvalue() == shown + sent


def test_what_follows_stands_in_a_line_of_its_own() -> None:
    terminal = Terminal()
    line = GrowingLine(Output(file=terminal))
    line.end()
    line.become("> Once")
    line.end()
    line.end()
    line.become("> Once")
    assert terminal.getvalue() == "> Once\n> Once"
    assert line.is_begun

"""Tables: whole in a pipe, and never wider than a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len

from ugpt.view.table import Cell, print_table

HEADER = ("name", "device", "steps", "loss")
ROWS: list[list[Cell]] = [
    ["first", "virtual device (board esp32)", "1,000", "2.176"],
    ["日本", "ESP32 on /dev/ttyUSB0", ("5", "red"), "-"],
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that a terminal of that width gets."""
    terminal = Terminal()
    for name, value in {"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", terminal)
    print_table(HEADER, ROWS, right=("steps", "loss"), expendable=("device", "loss"))
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()


def test_whole_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEADER, ROWS, right=("steps", "loss"), expendable=("device", "loss"))
    assert capsys.readouterr().out.splitlines() == [
        "name   device                        steps   loss",
        "first  virtual device (board esp32)  1,000  2.176",
        "日本   ESP32 on /dev/ttyUSB0             5      -",
    ]


@pytest.mark.parametrize("columns", range(12, 60))
def test_no_line_is_wider_than_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_terminal(columns, monkeypatch)
    assert len(lines) == 1 + len(ROWS)
    assert max(map(cell_len, lines)) <= columns
    assert all(name in lines[0] for name in ("name", "steps"))


def test_what_is_cut_and_then_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_terminal(40, monkeypatch)[1:] == [
        "first  virtual device (bo…  1,000  2.176",
        "日本   ESP32 on /dev/ttyU…      5      -",
    ]
    assert on_terminal(30, monkeypatch)[1] == "first  1,000  2.176"
    assert on_terminal(15, monkeypatch)[1] == "first  1,000"

"""A line that is shown while it grows."""

from __future__ import annotations

import io
import random
from itertools import pairwise

import pytest
from rich.cells import cell_len

from ugpt.view.growing_line import GrowingLine, GrowingText
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


class Screen(Terminal):
    """Rows of cells as a terminal has them; behind a wide character stands an empty one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.rows: list[list[str]] = [[]]
        self._at = 0

    def write(self, text: str) -> int:
        for character in text:
            self._take(character)
        return super().write(text)

    def _take(self, character: str) -> None:
        size = cell_len(character)
        if character == "\b":
            assert self._at > 0, "nothing is rubbed out in a row above"
            self._at -= 1
        elif character == "\n":
            self._begin_row()
        elif size == 0:
            self.rows[-1][self._at - 1] += character
        else:
            if self._at + size > self.width:
                self._begin_row()
            self.rows[-1][self._at : self._at + size] = [character, *[""] * (size - 1)]
            self._at += size

    def _begin_row(self) -> None:
        self.rows.append([])
        self._at = 0

    @property
    def shown(self) -> list[str]:
        return ["".join(row).rstrip(" ") for row in self.rows]


STORY = "Once upon a time, there was a little girl named Lily. She loved the extraordinary park."


def written(screen: Screen, text: str, size: int = 1) -> GrowingText:
    """`text` in pieces of so many characters, not ended."""
    growing = GrowingText(Output(file=screen, width=screen.width))
    for at in range(0, len(text), size):
        growing.put(text[at : at + size])
    return growing


@pytest.mark.parametrize("size", [1, 2, 3, 5, 17, 200])
@pytest.mark.parametrize("width", [8, 15, 20, 21, 40, 80, 87, 88])
def test_a_text_is_broken_at_spaces(width: int, size: int) -> None:
    screen = Screen(width)
    written(screen, STORY, size).end()
    *rows, last = screen.shown
    assert last == ""
    if width > len("extraordinary"):
        assert " ".join(rows) == STORY
    assert "".join(rows).replace(" ", "") == STORY.replace(" ", "")
    for row, following in pairwise(rows):
        assert cell_len(row) < width
        word = following.split(" ")[0]
        assert len(row) + 1 + len(word) >= width or width <= len("extraordinary")


@pytest.mark.parametrize("width", [2, 3, 9, 30])
@pytest.mark.parametrize("seed", range(40))
def test_nothing_of_any_text_is_lost(width: int, seed: int) -> None:
    numbers = random.Random(seed)
    text = "".join(numbers.choices([*"aaaabc, \n字👩", "e\u0301"], k=300))
    screen = Screen(width)
    written(screen, text, numbers.randint(1, 6)).end()
    shown = ["".join(row) for row in screen.rows]
    assert "".join(shown).replace(" ", "") == text.replace(" ", "").replace("\n", "")
    assert all(cell_len(row) < max(width, 3) for row in shown)


def test_only_a_word_near_the_edge_is_held_back_and_only_until_it_has_room() -> None:
    screen = Screen(40)
    growing = written(screen, "Once upo")
    assert screen.shown == ["Once upo"]
    growing.put("n a time, ther")
    assert screen.shown == ["Once upon a time,"]
    growing.put("e ")
    assert screen.shown == ["Once upon a time, there"]
    growing.put("was a ex")
    assert screen.shown == ["Once upon a time, there was a"]
    growing.put("traordin")
    assert screen.shown == ["Once upon a time, there was a", "extraordin"]
    growing.put("ary")
    assert screen.shown[-1] == "extraordinary"
    assert "\b" not in screen.getvalue()


def test_a_word_far_from_the_edge_that_reaches_it_moves_to_the_next_row() -> None:
    screen = Screen(40)
    written(screen, "A " + 38 * "x").end()
    assert screen.shown == ["A", 38 * "x", ""]


def test_a_word_that_is_longer_than_a_row_is_broken_anywhere() -> None:
    screen = Screen(20)
    written(screen, "A " + 30 * "x" + " b").end()
    assert "".join(screen.shown).replace(" ", "") == "A" + 30 * "x" + "b"
    assert len(screen.shown) <= 4


def test_lines_of_a_text_stay() -> None:
    screen = Screen(20)
    written(screen, "One day\n\nLily went to the big park.\n").end()
    assert screen.shown == ["One day", "", "Lily went to the", "big park.", ""]


@pytest.mark.parametrize("tail", ["", " "])
@pytest.mark.parametrize("line", ["x" * 19, "x" * 20, "x" * 9 + " " + "y" * 9])
def test_a_line_as_long_as_a_row_leaves_no_empty_one(line: str, tail: str) -> None:
    screen = Screen(21)
    written(screen, f"{line}{tail}\nb").end()
    assert screen.shown == [line, "b", ""]


@pytest.mark.parametrize("after", [12, 24, 60])
def test_a_terminal_that_is_resized(after: int) -> None:
    out = Output(file=Screen(30), width=30)
    growing = GrowingText(out)
    before = "Once upon a time, there was a"
    growing.put(before + " ")
    screen = out.file = Screen(after)  # what it makes of the rows it has, it alone knows
    out.width = after
    screen.rows, screen._at = [list(before)], min(len(before), after - 1)
    growing.put("little girl named Lily. ")
    growing.end()
    assert screen.shown[-1] == ""
    assert " ".join(screen.shown) == f"{before} little girl named Lily. "
    assert all(cell_len(row) < after for row in screen.shown[1:])


def test_what_ctrl_c_shows_stays() -> None:
    screen = Screen(40)
    growing = written(screen, "Once upo")
    screen.write("^C")
    growing.interrupt()
    growing.put("n a time there was a little girl")
    growing.end()
    assert screen.shown == ["Once upo^Cn a time there was a little", "girl", ""]


@pytest.mark.parametrize("before", ["", "The end.\n"])
def test_what_follows_ctrl_c_stands_in_a_line_of_its_own(before: str) -> None:
    screen = Screen(40)
    growing = written(screen, before)
    screen.write("^C")
    growing.interrupt()
    growing.end()
    assert screen.shown == [*before.splitlines(), "^C", ""]


def test_what_was_held_back_is_shown_at_the_end() -> None:
    screen = Screen(20)
    growing = written(screen, "Once upon a ti")
    assert screen.shown == ["Once upon a"]
    growing.end()
    growing.end()
    assert screen.shown == ["Once upon a ti", ""]


def test_a_program_gets_every_byte_at_once() -> None:
    pipe = io.StringIO()
    growing = GrowingText(Output(file=pipe, width=10))
    text = STORY + "\n\t\x1b[2J  字 "
    for at, character in enumerate(text):
        growing.put(character)
        assert pipe.getvalue() == text[: at + 1]
    growing.interrupt()
    growing.end()
    assert pipe.getvalue() == text


def test_a_line_that_is_typed_over_the_edge_and_erased() -> None:
    screen = Screen(20)
    line = GrowingLine(Output(file=screen, width=20))
    typed = "> Once upon a time there"
    for end in range(1, len(typed) + 1):
        line.become(typed[:end])
    assert screen.shown == ["> Once upon a time", "there"]
    line.become(typed[:-2])
    assert screen.shown == ["> Once upon a time", "the"]
    line.become("> Once")  # what stands above cannot be rubbed out
    assert screen.shown == ["> Once upon a time", "the", "> Once"]


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

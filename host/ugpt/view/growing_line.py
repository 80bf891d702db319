"""A line on a terminal that is shown while it is being written, as a serial terminal does."""

from __future__ import annotations

from itertools import takewhile

from rich.cells import cell_len

from .cleaning import printable
from .output import Output
from .rows import last_word, rows_of

_LONG_WORD = 24
"""Columns that are enough for most words: one that begins as far from the edge is not held back."""


class GrowingLine:
    """What stands in the last line of the terminal, broken into rows where there are spaces.

    No more than the last row can change: what is above it stays, whatever becomes of the width.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._begin()

    def _begin(self) -> None:
        self._text = self._row = ""
        self._above = 0  # how much of the text does not stand in the last row
        self._indent = 0  # columns of the last row that are taken by something else

    @property
    def is_begun(self) -> bool:
        return bool(self._text) or self._indent > 0

    def become(self, text: str, *, hold: bool = False) -> None:
        """Writes what `text` has more, and rubs out what it has no longer.

        With `hold`, its last word is left out if it stands near the edge, which it may cross when
        it goes on.
        """
        text = printable(text)
        if text[: self._above] != self._text[: self._above]:
            self.end()  # nothing rubs out what stands in a row above
        if self._indent + cell_len(self._row) > self._columns:
            self.displace(0)  # the terminal has become narrower, and nobody knows what it did
        rows = self._rows(text)
        if hold and (word := last_word(text)) and self._may_cross(word, rows):
            text = text[: -len(word)]
            rows = self._rows(text)
        for row in rows[:-1]:
            self._show(row)
            self._out.piece("\n")
            self._above += len(row)
            self._indent, self._row = 0, ""
        self._show(rows[-1])
        self._text = text

    def end(self) -> None:
        """What follows stands in a line of its own."""
        if self.is_begun:
            self._out.piece("\n")
        self._begin()

    def displace(self, columns: int) -> None:
        """Something else was written behind it, which must not be rubbed out."""
        self._indent += cell_len(self._row) + columns
        self._above, self._row = len(self._text), ""

    def _rows(self, text: str) -> list[str]:
        return rows_of(text[self._above :], self._columns, self._indent)

    @property
    def _columns(self) -> int:
        """The last one stays free: terminals disagree about where the cursor is behind it."""
        return max(self._out.width - 1, 1)

    def _may_cross(self, word: str, rows: list[str]) -> bool:
        """Whether the word at the end would go to another row if it got longer."""
        begins = cell_len(rows[-1]) - cell_len(word) + (self._indent if len(rows) == 1 else 0)
        return begins > 0 and begins + _LONG_WORD > self._columns

    def _show(self, row: str) -> None:
        while row.endswith(" ") and self._indent + cell_len(row) > self._columns:
            row = row[:-1]
        pairs = zip(self._row, row, strict=False)
        kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._out.rub_out(cell_len(self._row[kept:]))
        self._out.piece(row[kept:])
        self._row = row


class GrowingText:
    """A text of several lines that comes in pieces; for a program it stays as it is."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._line = GrowingLine(out)
        self._text = ""

    def put(self, piece: str) -> None:
        """Shows what comes next, but for a word that may not fit into this row."""
        if not self._out.file.isatty():
            self._out.piece(piece)
            return
        *lines, self._text = (self._text + piece).split("\n")
        for line in lines:
            self._end(line)
        self._line.become(self._text.expandtabs(), hold=True)

    def interrupt(self) -> None:
        """The terminal has shown `^C` where the text was to go on."""
        if self._out.file.isatty():
            self._line.displace(len("^C"))

    def end(self) -> None:
        """Nothing follows: on a terminal, what does stands in a line of its own."""
        if self._text or self._line.is_begun:
            self._end(self._text)
        self._text = ""

    def _end(self, line: str) -> None:
        self._line.become(line.expandtabs())
        if self._line.is_begun:
            self._line.end()
        else:
            self._out.piece("\n")

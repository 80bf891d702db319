"""A line on a terminal that is shown while it is being written, as a serial terminal does."""

from __future__ import annotations

from itertools import takewhile

from rich.cells import cell_len

from .cleaning import printable
from .output import Output


class GrowingLine:
    """What stands in the last line of the terminal."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._shown = ""

    @property
    def is_begun(self) -> bool:
        return bool(self._shown)

    def become(self, text: str) -> None:
        """Writes what `text` has more, and rubs out what it has no longer."""
        text = printable(text)
        pairs = zip(self._shown, text, strict=False)
        kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._out.rub_out(cell_len(self._shown[kept:]))
        self._out.piece(text[kept:])
        self._shown = text

    def end(self) -> None:
        """What follows stands in a line of its own."""
        if self._shown:
            self._out.piece("\n")
        self._shown = ""

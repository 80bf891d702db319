"""How a text is read: what turns the bytes of files into documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidValue
from ..wording import counted


@dataclass(frozen=True)
class ReadFile:
    """A file that has been read."""

    path: Path
    """Absolute, or `-` for standard input, or `names` for the built-in list."""
    sha256: str
    """Of its content, a .gz unpacked."""


@dataclass(frozen=True)
class Reading:
    """One document a line, unless told otherwise. A run records it beside its files."""

    column: str = ""
    """Field of a table (CSV, TSV) or of JSON lines that holds the documents."""
    text: bool = False
    """Every file is one running text, cut into windows of the context."""
    window: int | None = None
    """Cut documents into windows of the context that share so many characters."""
    lower: bool = False
    """Turn everything into small letters."""
    dedupe: bool = False
    """Use only the first of equal documents."""
    keep_marks: bool = False
    """Take byte order marks inside the text for characters, as version 0.1.0 did."""

    def require_types(self) -> None:
        """Raises TypeError or ValueError for a value that no option gives, as damaged files may."""
        if not isinstance(self.column, str):
            raise TypeError("column is not text")
        if self.window is not None and (type(self.window) is not int or self.window < 0):
            raise ValueError("window is not a whole number from 0 on")
        for name in ("text", "lower", "dedupe", "keep_marks"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} is neither true nor false")

    @property
    def overlap(self) -> int | None:
        """Characters that a window shares with the next; None if nothing is cut into windows."""
        return self.window or 0 if self.text else self.window

    def require_sense(self, block_size: int) -> None:
        """Raises InvalidValue if the options contradict each other or the context."""
        if self.text and self.column:
            raise InvalidValue(
                "--text reads whole files and --column one field of each line.",
                "Leave one out; --window 0 cuts long fields.",
            )
        if self.text and self.dedupe:
            raise InvalidValue(
                "--dedupe compares documents, and --text makes one of the whole file.",
                "Leave one out.",
            )
        if self.overlap is not None and not 0 <= self.overlap < block_size:
            raise InvalidValue(
                f"Windows of {counted(block_size, 'character')} cannot share {self.overlap}.",
                f"Choose --window 0 to {block_size - 1}, or a longer --block-size.",
            )

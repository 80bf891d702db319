"""Repaints a block of lines in place, without flicker and without a thread."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.text import Text

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_BEGIN_FRAME, _END_FRAME = "\x1b[?2026h", "\x1b[?2026l"
_ERASE_LINE, _ERASE_BELOW = "\x1b[2K", "\x1b[J"
_CLEAR = "\x1b[H\x1b[2J"


class Screen:
    """The lines painted last stay on the terminal, and the following output goes below them.

    Only lines that changed are sent, between the marks of a synchronised frame, so that the
    terminal never shows half of it. After a change of its size the terminal has wrapped the old
    lines in its own way; then the screen is cleared and painted anew.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._painted: list[str] = []
        self._size = console.size

    def __enter__(self) -> Self:
        self._write(_HIDE_CURSOR)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._write(("\n" if self._painted else "") + _SHOW_CURSOR)

    def paint(self, lines: Sequence[Text]) -> None:
        """Shows `lines`, which must be fewer than the terminal has and no wider."""
        with self._console.capture() as capture:
            self._console.print(Group(*lines), no_wrap=True, overflow="crop", end="")
        new = capture.get().rstrip("\n").split("\n")
        frame = [_BEGIN_FRAME]
        if self._console.size != self._size:
            self._size = self._console.size
            self._painted = []
            frame.append(_CLEAR)
        if len(self._painted) > 1:
            frame.append(f"\x1b[{len(self._painted) - 1}A")
        for row, line in enumerate(new):
            # The last line is always painted: the terminal may have echoed a key there.
            kept = row < len(self._painted) and self._painted[row] == line and row < len(new) - 1
            frame.append("" if kept else f"\r{_ERASE_LINE}{line}")
            frame.append("\n" if row < len(new) - 1 else "")
        frame += ["\r", _ERASE_BELOW if len(new) < len(self._painted) else "", _END_FRAME]
        self._painted = new
        self._write("".join(frame))

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()

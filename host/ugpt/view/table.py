"""Tables as lines that are never broken or cut, whatever the width of the terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len

from .cleaning import printable
from .output import console
from .style import QUIET

_GAP = "  "
Cell = str | tuple[str, str]
"""A text, perhaps with a style."""


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[Cell]], right: Collection[str] = ()
) -> None:
    """Columns as wide as they need; those whose names are in `right` end on one line."""
    shown = [[_pair(cell) for cell in row] for row in rows]
    widths = [
        max(cell_len(name), *(cell_len(row[at][0]) for row in shown)) if shown else cell_len(name)
        for at, name in enumerate(header)
    ]
    for row in ([(name, QUIET) for name in header], *shown):
        parts = []
        for name, width, (text, style) in zip(header, widths, row, strict=True):
            space = " " * (width - cell_len(text))
            parts.append((space + text if name in right else text + space, style))
            parts.append((_GAP, ""))
        console().tell(*_without_end(parts))


def _pair(cell: Cell) -> tuple[str, str]:
    text, style = (cell, "") if isinstance(cell, str) else cell
    return printable(text), style


def _without_end(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Nothing that is blank at the end of a line."""
    while parts and not parts[-1][0].strip():
        parts.pop()
    return [*parts[:-1], (parts[-1][0].rstrip(), parts[-1][1])] if parts else parts

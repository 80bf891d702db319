"""Tables as lines that are never broken, whatever the width of the terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len, set_cell_size

from .cleaning import printable
from .output import console
from .style import QUIET

_GAP = "  "
_LEAST_WIDTH = 12
"""A column that would be cut to less says nothing any more."""

Cell = str | tuple[str, str]
"""A text, perhaps with a style."""


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    right: Collection[str] = (),
    expendable: Sequence[str] = (),
) -> None:
    """Columns as wide as they need; those whose names are in `right` end on one line.

    On a terminal that is too narrow those in `expendable` are cut or left out, in this order.
    """
    out = console()
    shown = [[_pair(cell) for cell in row] for row in rows]
    widths = {
        at: max([cell_len(name), *(cell_len(row[at][0]) for row in shown)])
        for at, name in enumerate(header)
    }
    if out.file.isatty():
        _fit(widths, [header.index(name) for name in expendable], out.width)
    for row in ([(name, QUIET) for name in header], *shown):
        parts = []
        for at, width in widths.items():
            text, style = row[at]
            text = _cut(text, width)
            space = " " * (width - cell_len(text))
            parts.append((space + text if header[at] in right else text + space, style))
            parts.append((_GAP, ""))
        out.tell(*_without_end(parts))


def _fit(widths: dict[int, int], expendable: Sequence[int], total: int) -> None:
    """Makes the columns at `expendable` narrower, or takes them out, until all fit `total`."""
    for at in expendable:
        over = sum(widths.values()) + len(_GAP) * (len(widths) - 1) - total
        if over <= 0:
            return
        if widths[at] - over >= _LEAST_WIDTH:
            widths[at] -= over
        else:
            del widths[at]


def _cut(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}…"


def _pair(cell: Cell) -> tuple[str, str]:
    text, style = (cell, "") if isinstance(cell, str) else cell
    return printable(text), style


def _without_end(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Nothing that is blank at the end of a line."""
    while parts and not parts[-1][0].strip():
        parts.pop()
    return [*parts[:-1], (parts[-1][0].rstrip(), parts[-1][1])] if parts else parts

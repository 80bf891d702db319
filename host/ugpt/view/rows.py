"""A line of text as rows of a terminal, broken at spaces."""

from __future__ import annotations

from rich.cells import cell_len

_JOINER = "\u200d"


def rows_of(text: str, columns: int, indent: int = 0) -> list[str]:
    """Rows that together are the text; spaces at the end of a row may have no room in it.

    `indent` columns of the first one are taken. A word longer than a row is broken anywhere.
    """
    rows, taken = [""], indent
    for unit in _units(text):
        size = cell_len(unit)
        if unit != " " and taken and taken + size > columns and size <= columns:
            rows.append("")
            taken = 0
        for part in [unit] if taken + size <= columns else unit:
            size = cell_len(part)
            if part != " " and taken and taken + size > columns:
                rows.append("")
                taken = 0
            rows[-1] += part
            taken += size
    return rows


def last_word(text: str) -> str:
    """The word at the end, which may go on."""
    last = _units(text)[-1] if text else " "
    return last if last != " " and cell_len(last[0]) < 2 else ""


def _units(text: str) -> list[str]:
    """What is not broken: words, single spaces, and single wide characters with their marks."""
    units: list[str] = []
    for character in text:
        if units and _belongs(character, units[-1]):
            units[-1] += character
        else:
            units.append(character)
    return units


def _belongs(character: str, unit: str) -> bool:
    if unit == " ":
        return False
    if cell_len(character) == 0 or unit.endswith(_JOINER):
        return True
    return character != " " and cell_len(character) == 1 and cell_len(unit[0]) < 2

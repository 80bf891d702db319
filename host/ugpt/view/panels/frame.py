"""Titled round frames, and lines cut to their width."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from ..style import QUIET

Lines = list[Text]


def framed(title: str, figures: Sequence[Text], body: Sequence[Text], width: int) -> Lines:
    """`body` in a frame of `width` columns, at least 8.

    The title stands at the left of its upper edge, the figures at the right; those that find no
    room are left out, the last one first.
    """
    inner = width - 4
    name = Text.assemble(("─ ", QUIET), (title, "bold"), (" ", QUIET))
    name.truncate(width - 3)
    shown = list(figures)
    while shown and name.cell_len + joined(shown).cell_len + 5 > width:
        shown.pop()
    right = joined(shown)
    if shown:
        right = Text.assemble((" ", QUIET), right, (" ─", QUIET))
    rule = "─" * max(width - 2 - name.cell_len - right.cell_len, 0)
    top = Text.assemble(("╭", QUIET), name, (rule, QUIET), right, ("╮", QUIET), no_wrap=True)
    lines = [top]
    for line in body:
        content = fitted(line, inner)
        content.pad_right(inner - content.cell_len)
        side = ("│", QUIET)
        lines.append(Text.assemble(side, " ", content, " ", side, no_wrap=True))
    lines.append(Text(f"╰{'─' * (width - 2)}╯", QUIET, no_wrap=True))
    return lines


def fitted(line: Text, width: int) -> Text:
    """`line` in at most `width` columns; the original is kept as it is."""
    if line.cell_len <= width:
        return line.copy()
    cut = line.copy()
    cut.truncate(max(width, 0), overflow="ellipsis" if width > 1 else "crop")
    return cut


def spread(left: Text, right: Text, width: int) -> Text:
    """Both at the ends of a line; the right one is kept whole if one must be cut."""
    space = width - right.cell_len
    if space <= 1:
        return fitted(right, width)
    start = fitted(left, space - 1)
    return Text.assemble(start, " " * (space - start.cell_len), right, no_wrap=True)


def joined(parts: Sequence[Text]) -> Text:
    """The parts in one line."""
    return Text("  ").join(parts)

"""What the model knows: the loss of each character."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from ..cleaning import printable
from ..state import DashboardState
from ..style import ACCENT, QUIET, short_count
from .frame import Lines, framed

LETTERS_LINES = 3
_HEIGHTS = "▁▂▃▄▅▆▇█"
_END = "end"


def letters_panel(state: DashboardState, width: int) -> Lines:
    """One line in a frame: the characters, the best known first, each with its loss as a bar."""
    letters = state.letters
    title = "what it knows: loss by letter, best to worst"
    if letters is None:
        return framed(title, [], [Text("measured now and then", QUIET)], width)
    highest = max(letters.losses.values(), default=0.0)
    ordered = sorted(letters.losses.items(), key=lambda item: item[1])
    parts = [_letter(name, loss, highest) for name, loss in ordered]
    line = Text(no_wrap=True)
    for part in _both_ends(parts, width - 4):
        line.append_text(part).append(" ")
    return framed(title, [Text(f"at step {short_count(letters.step)}", QUIET)], [line], width)


def _letter(name: str, loss: float, highest: float) -> Text:
    shown = {"": _END, " ": "␣"}.get(name, printable(name))
    height = _HEIGHTS[min(max(int(loss / max(highest, 1e-9) * 8), 0), 7)]
    return Text.assemble(shown, (height, ACCENT))


def _both_ends(parts: list[Text], width: int) -> list[Text]:
    """All parts, or as many of the best and of the worst as there is room for."""
    widths = [cell_len(part.plain) + 1 for part in parts]
    if sum(widths) <= width:
        return parts
    first: list[Text] = []
    last: list[Text] = []
    room = width - 2
    for number in range(len(parts)):
        index = number // 2 if number % 2 == 0 else len(parts) - 1 - number // 2
        room -= widths[index]
        if room < 0:
            break
        (first if number % 2 == 0 else last).append(parts[index])
    return [*first, Text("…", QUIET), *reversed(last)]

"""All that the dashboard can be asked, and how to read it, in as many pages as it takes."""

from __future__ import annotations

import sys
from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text

from ..state import Action, DashboardState
from ..style import ACCENT, QUIET
from .frame import Lines, framed
from .keys import ACTIONS

_WIDE = 60  # from here on the first column is wide
_LABEL_COLUMNS, _LABEL_COLUMNS_NARROW = 15, 9
_FRAME = 2  # lines of a frame, and half its columns


def help_panel(state: DashboardState, width: int, height: int) -> Lines:
    """The page that is open in a frame; `height` is at least 3."""
    pages = _pages(state, width, height)
    number = min(state.help_page or 0, len(pages) - 1)
    figures = [Text(f"{number + 1} of {len(pages)}", QUIET)] if len(pages) > 1 else []
    page = pages[number]
    page += [Text()] * (height - _FRAME - len(page))
    return framed("help", figures, page, width)


def help_page_count(state: DashboardState, width: int, height: int) -> int:
    """How many pages `help_panel` has at that size."""
    return len(_pages(state, width, height))


def _pages(state: DashboardState, width: int, height: int) -> list[Lines]:
    """Pages of whole entries, as far as they find room."""
    room = max(height - _FRAME, 1)
    pages: list[Lines] = [[]]
    for label, text in _entries(state):
        lines = _entry(label, text, max(width - 2 * _FRAME, 1), narrow=width < _WIDE)
        if pages[-1] and len(pages[-1]) + len(lines) > room:
            pages.append([])
        pages[-1] += lines
        while len(pages[-1]) > room:
            pages.append(pages[-1][room:])
            del pages[-2][room:]
    return pages


def _entries(state: DashboardState) -> list[tuple[str, str]]:
    entries = [ACTIONS[action] for action in state.labels if action in ACTIONS]
    entries.append(("x", "the curve over the logarithm of the step, or over the step"))
    if stop := state.labels.get(Action.STOP):
        entries.append(("q", f"{stop}; Ctrl-C does the same"))
    if sys.platform != "win32":
        entries.append(("Ctrl-\\", "leave at once; what was not saved is lost"))
        entries.append(("Ctrl-Z", "suspend; `fg` resumes"))
    return [
        *entries,
        ("?", "the next page, or back to the curve; Esc closes"),
        ("loss", "its surprise at the next letter; the mean of the last steps"),
        ("guesses among", "the loss as a number of equally likely tokens"),
        ("░", "where about half of the losses of single steps lie"),
        ("◆", "the loss of documents that it is never trained on"),
        ("random", "what guessing any letter would cost"),
        ("letter counts", "what knowing how often each letter occurs would cost"),
        ("letter pairs", "what knowing how often each letter follows another would cost"),
        ("dimmed", "a text that is in the data set"),
        ("lr, |g|, mem", "learning rate, norm of the gradient, memory the model takes"),
    ]


def _entry(label: str, text: str, width: int, *, narrow: bool) -> Lines:
    """The label in a column of its own, and the text in lines beside it."""
    columns = _LABEL_COLUMNS_NARROW if narrow else _LABEL_COLUMNS
    labels, lines = _broken(label, columns - 1), _broken(text, width - columns)
    return [
        Text.assemble((f"{name:<{columns}}", f"bold {ACCENT}"), line, no_wrap=True)
        for name, line in zip_longest(labels, lines, fillvalue="")
    ]


def _broken(text: str, width: int) -> list[str]:
    """Whole words, as many in a line as find room."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and cell_len(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines

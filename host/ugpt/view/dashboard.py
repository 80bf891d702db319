"""The live view of a training run: a pure function from what is known to lines of text."""

from __future__ import annotations

from rich.text import Text

from .panels.board import board_panel
from .panels.diary import diary_lines, diary_panel
from .panels.figures import figures_line
from .panels.frame import Lines, fitted
from .panels.header import bar_line, header, steps_line
from .panels.help import help_page_count, help_panel
from .panels.keys import keys_line
from .panels.letters import LETTERS_LINES, letters_panel
from .panels.loss import bare_curve, loss_panel
from .state import DashboardState

WIDTH_MAX = 240
HEIGHT_MAX = 100
"""Beyond that a frame gets no better to read, only slower to draw."""

_FRAMED_WIDTH = 60  # from here on there are frames
_FRAMED_HEIGHT = 16
_WIDE_WIDTH = 120  # from here on the board has a panel, and the letters
_WIDE_HEIGHT = 28
_BOARD_WIDTH = 42
_OUTSIDE_LINES = 4  # of a framed screen: header, bar, figures, keys
_CURVE_LEAST = 3
_DIARY_SHARE = 0.3


def render(state: DashboardState, width: int, height: int, now_s: float = 0.0) -> Lines:
    """The dashboard as at most `height` lines of at most `width` columns."""
    width, height = min(width, WIDTH_MAX), min(height, HEIGHT_MAX)
    if state.started is None:
        lines = [Text(state.remark.text, state.remark.style)]
    elif width < _FRAMED_WIDTH or height < _FRAMED_HEIGHT:
        lines = _bare(state, width, height, now_s)
    else:
        lines = _framed(state, width, height, now_s)
    return [fitted(line, width) for line in lines[:height]]


def help_pages(state: DashboardState, width: int, height: int) -> int:
    """How many pages the help has on a screen of that size."""
    width, height = min(width, WIDTH_MAX), min(height, HEIGHT_MAX)
    if width < _FRAMED_WIDTH or height < _FRAMED_HEIGHT:
        return help_page_count(state, max(width, 8), height - 1)
    return help_page_count(state, width, height - _OUTSIDE_LINES)


def _keys(state: DashboardState, width: int, height: int, now_s: float) -> Text:
    page = state.help_page
    more = page is not None and page + 1 < help_pages(state, width, height)
    return keys_line(state, width, now_s, help_goes_on=more)


def shows_letters(width: int, height: int) -> bool:
    """Whether a frame has room for the panels of the board and the letters."""
    return width >= _WIDE_WIDTH and height >= _WIDE_HEIGHT


def _framed(state: DashboardState, width: int, height: int, now_s: float) -> Lines:
    body = height - _OUTSIDE_LINES
    lines = [header(state, width, now_s), bar_line(state, width)]
    if state.help_page is not None:
        lines += help_panel(state, width, body)
    else:
        wide = shows_letters(width, height)
        letters = LETTERS_LINES if wide else 0
        diary = 2 + min(max(round(body * _DIARY_SHARE), 3), 10)
        chart = body - diary - letters
        if wide:
            left = loss_panel(state, width - _BOARD_WIDTH, chart)
            right = board_panel(state, _BOARD_WIDTH, chart, now_s)
            lines += [one + other for one, other in zip(left, right, strict=True)]
        else:
            lines += loss_panel(state, width, chart)
        lines += diary_panel(state, width, diary)
        if wide:
            lines += letters_panel(state, width)
    return [*lines, figures_line(state, width), _keys(state, width, height, now_s)]


def _bare(state: DashboardState, width: int, height: int, now_s: float) -> Lines:
    """Without frames: the curve, how far it is, and what it writes.

    Left out first when it gets low: the figures, then the older texts, the keys, the curve, the
    title, the newest text.
    """
    if state.help_page is not None and height > _CURVE_LEAST:
        page = help_panel(state, max(width, 8), height - 1)
        return [*page, _keys(state, width, height, now_s)]
    above: Lines = []
    below: Lines = []
    room = height - 1
    if room >= 2:
        above.append(header(state, width, now_s))
        room -= 1
    above.append(bar_line(state, width))
    keys = [keys_line(state, width, now_s)] if room >= 2 else []
    room -= len(keys)
    texts = min(room, 1 if room < 6 else 3 if room < 12 else 4)
    room -= texts
    if room - 1 >= _CURVE_LEAST:
        below.append(steps_line(state, width))
        room -= 1
    diary = diary_lines(state, width, texts)
    curve = bare_curve(state, width, room) if room >= _CURVE_LEAST else []
    return [*above, *curve, *below, *diary, *keys]

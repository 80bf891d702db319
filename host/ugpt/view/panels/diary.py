"""What the model wrote, from its first noise to now."""

from __future__ import annotations

import math

from rich.cells import cell_len
from rich.text import Text

from ..state import DashboardState, Page
from ..style import QUIET, sampled, short_count
from .frame import Lines, framed

_STEP_COLUMNS = 6


def diary_panel(state: DashboardState, width: int, height: int) -> Lines:
    """The diary in a frame; `height` is at least 3."""
    body = diary_lines(state, width - 4, height - 2)
    body += [Text()] * (height - 2 - len(body))
    return framed("what it writes", _news(state), body, width)


def diary_lines(state: DashboardState, width: int, rows: int) -> Lines:
    """The newest page last and bold; texts that stand in the data set are dimmed."""
    pages = chosen(state.diary, rows)
    cut_at = state.started.block_size if state.started else math.inf
    return [_page_line(page, width, cut_at, newest=page is state.diary[-1]) for page in pages]


def chosen(pages: list[Page], rows: int) -> list[Page]:
    """As many pages as there are rows: the first and the last ones, evenly spread between.

    Of those between, the one goes whose neighbours are nearest to each other in the order of
    magnitude of their steps.
    """
    kept = list(pages)
    if rows <= 1:
        return kept[len(kept) - max(rows, 0) :]
    while len(kept) > rows:
        places = [math.log(page.step + 1) for page in kept]
        gaps = [after - before for before, after in zip(places, places[2:], strict=False)]
        del kept[1 + gaps.index(min(gaps))]
    return kept


def _page_line(page: Page, width: int, cut_at: float, *, newest: bool) -> Text:
    line = Text(f"{short_count(page.step):>{_STEP_COLUMNS - 1}}", QUIET, no_wrap=True)
    for number, text in enumerate(page.texts):
        shown = sampled(text, cut_at) or "(empty)"
        if number and line.cell_len + 2 + cell_len(shown) > width:
            break
        style = "dim" if page.stands_in_data(number) else "bold" if newest else ""
        line.append("  ").append(shown, style)
    return line


def _news(state: DashboardState) -> list[Text]:
    """How many of the last texts the data set does not hold."""
    page = state.diary[-1] if state.diary else None
    if page is None or not page.known:
        return []
    new = page.known.count(False)
    return [Text(f"{new} of {len(page.known)} are new", QUIET)]

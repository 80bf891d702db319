"""`ugpt --help`, drawn as typer draws the help of a command.

typer's own drawing imports a reader of Markdown, a highlighter of programs and what shows
tracebacks, which takes longer than all the rest of this page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text
from rich.theme import Theme

_THEME = Theme({"option": "bold cyan", "switch": "bold green", "usage": "yellow"})
_EMPTY = ("", "", "")


class _Options(RegexHighlighter):
    highlights = (
        r"(^|\W)(?P<switch>\-\w+)(?![a-zA-Z0-9])",
        r"(^|\W)(?P<option>\-\-[\w\-]+)(?![a-zA-Z0-9])",
        r"(?P<usage>Usage: )",
    )


def show_front_page(
    group: Any, context: Any, panels: Mapping[str, Sequence[tuple[str, str]]]
) -> None:
    """Prints usage, options, `panels` of commands with their summaries, and the group's epilog."""
    console = Console(theme=_THEME, highlighter=_Options())
    console.print(Padding(_highlit(group.get_usage(context)), 1), style="bold")
    console.print(Padding(_highlit(group.help), (0, 1, 1, 1)))
    options = [
        # Between names and text typer has three columns more, which stay empty here.
        (_names(option.opts, long=True), _names(option.opts, long=False), *_EMPTY, option.help)
        for option in group.get_params(context)
    ]
    console.print(_panel("Options", options))
    width = max(len(name) for commands in panels.values() for name, _ in commands)
    for title, commands in panels.items():
        names = Column(style="bold cyan", no_wrap=True, width=width)
        console.print(_panel(title, commands, names, Column()))
    console.print(Padding(_highlit(group.epilog), 1))


def _highlit(text: str) -> Text:
    return _Options()(Text.from_markup(text))


def _names(names: Sequence[str], *, long: bool) -> Text:
    return _highlit(",".join(name for name in names if name.startswith("--") == long))


def _panel(title: str, rows: Sequence[tuple[Any, ...]], *columns: Column) -> Panel:
    table = Table(*columns, show_header=False, box=None, pad_edge=False, padding=(0, 1))
    for row in rows:
        table.add_row(*row)
    return Panel(table, border_style="dim", title=title, title_align="left")

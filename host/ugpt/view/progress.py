"""A bar for work of a known size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from .cleaning import printable
from .output import error_console
from .style import ACCENT, QUIET


@contextmanager
def byte_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function to be called with the bytes done and all of them.

    It shows a bar on a terminal, and nothing elsewhere.
    """
    console = error_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(complete_style=ACCENT, style=QUIET, finished_style="green"),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(printable(title), total=None, visible=False)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None, visible=True)

        yield show

"""Asks before something is lost that is on a board and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

import typer

from ..training.guard import WouldOverwrite
from ..view.output import say
from .options import run

T = TypeVar("T")

Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Overwrite what is on the board without asking: a run that it does by itself, or a "
        "model that is in no run folder.",
    ),
]


def run_asking(
    work: Callable[[bool], Coroutine[Any, Any, T]],
    overwrite: bool,
    *,
    json: bool = False,
    runner: Callable[[Coroutine[Any, Any, T]], T] = run,
) -> T:
    """Runs `work(may_overwrite)`; what may not be overwritten is asked for in a terminal.

    Raises WouldOverwrite if there is nobody to ask.
    """
    try:
        return runner(work(overwrite))
    except WouldOverwrite as error:
        if overwrite or json or not _has_somebody_to_ask():
            raise
        say(error.message)
        question = error.question
    if not typer.confirm(question, err=True):
        say("Nothing was changed.")
        raise typer.Exit(1)
    return runner(work(True))


def _has_somebody_to_ask() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))

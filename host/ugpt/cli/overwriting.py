"""Asks before something is lost that is on a board and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

import typer

from ..training.guard import WouldInterrupt, WouldOverwrite
from ..view.output import say
from .ending import Status, ending
from .options import run

T = TypeVar("T")

Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Do not ask before something is lost that exists only on the board: a detached run, "
        "or a model that is in no run folder.",
    ),
]


Granted = frozenset[type[WouldOverwrite]]
"""What may be done on a board, by the error that asks for it."""


def granted_by(overwrite: bool) -> Granted:
    """What --overwrite grants: all, without a question."""
    return frozenset((WouldOverwrite, WouldInterrupt) if overwrite else ())


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
    return run_granting(
        lambda granted: work(WouldOverwrite in granted),
        granted_by(overwrite),
        json=json,
        runner=runner,
    )


def run_granting(
    work: Callable[[Granted], Coroutine[Any, Any, T]],
    granted: Granted,
    *,
    json: bool = False,
    runner: Callable[[Coroutine[Any, Any, T]], T] = run,
) -> T:
    """The same of work that asks for several things, each by an error of its own."""
    while True:
        try:
            return runner(work(granted))
        except WouldOverwrite as error:
            if type(error) in granted or json or not _has_somebody_to_ask():
                raise
            say(f"{error.message} {error.keep}".rstrip())
            asked = error
        if not _agrees(asked.question):
            say("The device is left as it is.")
            raise typer.Exit(Status.FAILED)
        granted |= {type(asked)}


def _agrees(question: str) -> bool:
    """The end of the input is a no, and so is Ctrl-C, which ends the program."""
    try:
        with ending.tidying():
            return typer.confirm(question, err=True)
    except typer.Abort as end:
        say("")
        if isinstance(end.__context__, EOFError):
            return False
        say("The device is left as it is.")
        raise typer.Exit(Status.INTERRUPTED) from None


def _has_somebody_to_ask() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))

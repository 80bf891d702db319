"""What the command line says when there is nothing to show: errors, interruptions, the version.

Sentences for people go to standard error. With `--json` a program gets an object besides.
"""

from __future__ import annotations

import contextlib

import typer

from ..errors import InvalidValue, UgptError, UnfitValue
from ..view.output import error_console, pasteable, print_json
from ..view.streams import OutputLost
from .ending import Status, ending, wants_json


def show_error(error: UgptError) -> Status:
    """Says it; returns the exit status, which tells wrong arguments from all else."""
    in_itself = isinstance(error, InvalidValue) and not isinstance(error, UnfitValue)
    status = Status.USAGE if in_itself else Status.FAILED
    error_console().tell(("error: ", "bold red"), pasteable(str(error)))
    _to_program(error.message, pasteable(error.advice), status)
    return status


def show_failure(error: Exception) -> None:
    """A mistake in this program."""
    message = f"ugpt itself failed ({type(error).__name__}: {error})."
    advice = "Please report it; UGPT_TRACEBACK=1 shows where it was."
    error_console().tell(f"error: {message} {advice}")
    _to_program(message, advice, Status.FAILED)


def show_usage(message: str) -> None:
    """Arguments that are no command; typer has told people already."""
    _to_program(message, "", Status.USAGE)


def show_ended(status: int) -> None:
    """A signal asked the program to end, and it does."""
    if wants_json():
        with contextlib.suppress(OutputLost):
            typer.echo(ending.to_json(status))


def _to_program(message: str, advice: str, status: Status) -> None:
    if wants_json():
        with contextlib.suppress(OutputLost):
            print_json(
                {"event": "error", "message": message, "advice": advice, "exit_status": status}
            )


def version(wanted: bool) -> None:
    """Callback of `--version`."""
    if wanted:
        from .. import __version__

        typer.echo(f"ugpt {__version__}")
        raise typer.Exit

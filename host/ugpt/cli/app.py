"""The program as a whole: its commands, and the one end that all of them have."""

from __future__ import annotations

import os

import typer

from ..errors import UgptError, reason_of
from ..view.capability import mend_environment
from ..view.output import name_program, pasteable
from ..view.streams import OutputLost, guarded_streams, output_lost
from .ending import Status, ending
from .group import CommandGroup, command_names
from .messages import show_ended, show_error, show_failure, show_usage, version
from .program import program_name

_START = "\n\n".join(
    [
        "Start with:",
        "ugpt flash     # if you have a board; without one a virtual board trains",
        "ugpt train names",
        "ugpt sample -n 20",
    ]
)

app = typer.Typer(
    name="ugpt",
    cls=CommandGroup,
    help="Train a GPT from scratch on an ESP32, then let it write.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _options(
    show_version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", is_eager=True, callback=version
    ),
) -> None:
    """Train a GPT from scratch on an ESP32, then let it write."""


def run_program() -> int:
    """Runs the command that was asked for; returns the exit status.

    Every error ends in one sentence, never in a traceback.
    """
    with guarded_streams():
        try:
            status = _run_command()
            if status == Status.INTERRUPTED:
                status = ending.status  # of the signal that did it
            if status == Status.DONE and (lost := output_lost()):
                raise lost
        except OutputLost as error:
            if error.reader_gone:
                return Status.READER_GONE
            show_error(error)
            return Status.FAILED
        if ending.signal is not None:
            show_ended(status)
        return status


def _run_command() -> int:
    name_program(program_name(), command_names())
    app.info.epilog = pasteable(_START)
    mend_environment()
    try:
        app(prog_name="ugpt")
    except SystemExit as end:
        # typer has told people already what is wrong with the arguments.
        if say := getattr(end.__context__, "format_message", None):
            show_usage(say())
        return end.code if isinstance(end.code, int) else Status.FAILED
    except OutputLost:
        raise
    except UgptError as error:
        return show_error(error)
    except Exception as error:
        if "UGPT_TRACEBACK" in os.environ:
            raise
        if isinstance(error, OSError) and error.filename is not None:
            show_error(UgptError(f"{error.filename} cannot be used: {reason_of(error)}."))
        else:
            show_failure(error)
        return Status.FAILED
    return Status.DONE

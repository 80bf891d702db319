"""The command line: a file for each command in `commands/`, thin above the library."""

from __future__ import annotations

import io
import os
import sys

import typer

from ..errors import UgptError, reason_of
from ..view.capability import mend_environment
from ..view.output import error_console, name_program, pasteable
from .group import CommandGroup, command_names
from .messages import show_error, version
from .program import program_name

_START = "\n\n".join(["Start with:", "ugpt train names", "ugpt sample -n 20"])

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


def main() -> None:
    """Entry point: every error ends in one sentence, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character it cannot show ends no run
    name_program(program_name(), command_names())
    app.info.epilog = pasteable(_START)
    mend_environment()
    try:
        app(prog_name="ugpt")
    except UgptError as error:
        show_error(error)
        sys.exit(1)
    except Exception as error:
        if "UGPT_TRACEBACK" in os.environ:
            raise
        if isinstance(error, OSError) and error.filename is not None:
            show_error(UgptError(f"{error.filename} cannot be used: {reason_of(error)}."))
            sys.exit(1)
        error_console().print(
            f"error: ugpt itself failed ({type(error).__name__}: {error}). Please report it; "
            "UGPT_TRACEBACK=1 shows where it was.",
            markup=False,
            soft_wrap=True,
        )
        sys.exit(1)

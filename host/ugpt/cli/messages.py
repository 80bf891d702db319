"""What the command line says when there is nothing to show: errors and the version."""

from __future__ import annotations

import typer

from ..errors import UgptError
from ..view.output import error_console, pasteable


def show_error(error: UgptError) -> None:
    error_console().tell(("error: ", "bold red"), pasteable(str(error)))


def version(wanted: bool) -> None:
    """Callback of `--version`."""
    if wanted:
        from .. import __version__

        typer.echo(f"ugpt {__version__}")
        raise typer.Exit

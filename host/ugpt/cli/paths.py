"""Paths as arguments."""

from __future__ import annotations

from pathlib import Path

import typer


def path(text: str) -> Path:
    """A leading `~` means home, also where a shell leaves it, as in `--run=~/x`."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user, or no home
        return Path(text)


def port(text: str) -> str:
    """The path of a port; other names of ports are left as they are."""
    return str(path(text)) if text.startswith("~") else text


def output_path(text: str) -> Path:
    """Of a file to write; `-` would be taken for standard output, which it is not."""
    if text == "-":
        raise typer.BadParameter("- is not a file to write to. Name one")
    return path(text)

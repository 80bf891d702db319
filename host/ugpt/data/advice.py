"""Commands that a person is advised to paste: quoted, and never over a file that is there."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from ..wording import argument, quoted


def converting(command: str, file: Path | None, suffix: str = ".txt") -> str:
    """`command` with its {file}, and a {new} file or {folder} beside it that does not exist yet.

    With names to fill in if there is no file.
    """
    if file is None:
        return command.format(file="FILE", new=f"NEW{suffix}", folder="FOLDER")
    stem = file.name.removesuffix(".gz").removesuffix(file.suffix) or file.name
    return command.format(
        file=pasted(file),
        new=pasted(unused(file.with_name(stem + suffix))),
        folder=pasted(unused(file.with_name(f"{stem}-text"))),
    )


def pasted(path: Path) -> str:
    """A path as an argument in a shell."""
    return quoted(argument(path))


def unused(path: Path) -> Path:
    """`path`, or one like it, that does not exist."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    while path.exists() or path.is_symlink():
        path = next(names)
    return path

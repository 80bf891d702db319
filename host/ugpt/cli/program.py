"""How the user started this program: what a command that is advised must begin with."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ..wording import quoted

NAME = "ugpt"


def program_name() -> str:
    """`ugpt` if a shell finds this program by that name, or else what it can be started with."""
    try:
        return _name_of(Path(sys.argv[0]).absolute())
    except OSError:  # such as a current folder that is gone
        return NAME


def _name_of(started: Path) -> str:
    if started.stem == NAME:
        return NAME if _is_found(started) else _path(started)
    if started.name == "__main__.py" and started.parent.name == NAME:
        python = Path(sys.executable)
        return NAME if _is_found(python.with_name(NAME)) else f"{_path(python)} -m {NAME}"
    return NAME


def _is_found(script: Path) -> bool:
    """Whether a shell finds this very script by its name, perhaps through a link to it."""
    found = shutil.which(NAME)
    if found is None:
        return False
    same_folder = os.path.realpath(Path(found).parent) == os.path.realpath(script.parent)
    return same_folder or os.path.realpath(found) == os.path.realpath(script)


def _path(program: Path) -> str:
    """Below the current folder if it lies there."""
    folder = Path.cwd()
    if not program.is_relative_to(folder):
        return quoted(str(program))
    inside = program.relative_to(folder)
    # A shell looks for a name without a folder elsewhere.
    return quoted(str(inside) if len(inside.parts) > 1 else f"./{inside}")

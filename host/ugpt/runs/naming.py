"""Runs by name: the folder's own name, for those in runs/ or in the current folder."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from .errors import NoRun

HOME = Path("runs")
"""Where new runs go."""
DIGEST_FILE = "weights.sha256"
"""Of the weights of the newest checkpoint."""
CONFIG_FILE = "config.toml"
METRICS_FILE = "metrics.jsonl"
_FOLDERS = (HOME, Path())


def find_folder(named: Path | str) -> Path:
    """The folder of a run that is given by name or by folder.

    Raises NoRun, with the name that is nearest, if there is none.
    """
    given = Path(named)
    places = [given]
    if len(given.parts) == 1 and not given.is_absolute():
        places.append(HOME / given)
    for place in places:
        if holds_run(place):
            return place
    for place in places:
        if os.path.lexists(place):
            return place  # what opens it says what is wrong with it
    raise NoRun(
        f"There is no run {given}: it is not a run folder, and no run in {HOME}/ has that name.",
        _advice(given),
    )


def address_of(folder: Path) -> str:
    """The shortest words by which `find_folder` finds a run from here."""
    name = folder.name
    if name and not name.startswith(("-", "~")):
        with contextlib.suppress(NoRun, OSError):
            if find_folder(name).samefile(folder):
                return name
    text = str(folder)
    return f"./{text}" if text.startswith(("-", "~")) else text


def known_names() -> list[str]:
    """The names of all runs that need no folder."""
    return sorted({path.name for folder in _FOLDERS for path in folders_in(folder)})


def folders_in(folder: Path) -> Iterator[Path]:
    """The run folders in `folder`, whatever state they are in."""
    with contextlib.suppress(OSError):
        yield from (path for path in subfolders(folder) if holds_run(path))


def subfolders(folder: Path) -> list[Path]:
    """The folders in `folder` that are not hidden. Raises OSError if it cannot be read."""
    with os.scandir(folder) as entries:
        names = [
            entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry)
        ]
    return [folder / name for name in sorted(names)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):  # such as a link that leads to itself
        return entry.is_dir()
    return False


def holds_run(folder: Path) -> bool:
    """Whether a folder is that of a run, whatever state it is in."""
    return os.path.lexists(folder / CONFIG_FILE)


def _advice(given: Path) -> str:
    nearest = difflib.get_close_matches(given.name, known_names(), 1)
    if nearest:
        return f"Did you mean {nearest[0]}? `ugpt runs` lists all."
    return "Give the folder that `ugpt train` made; `ugpt runs` lists those in runs/."

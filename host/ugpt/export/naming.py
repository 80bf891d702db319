"""What a run is called where it is exported to."""

from __future__ import annotations

from pathlib import Path


def name_of(folder: Path) -> str:
    """That of a run, also of one that is given as `..`, as text that every file can hold."""
    name = folder.absolute().name
    if name == "..":
        name = folder.resolve().name
    return name.encode(errors="replace").decode()

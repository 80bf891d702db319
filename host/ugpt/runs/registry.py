"""Where the folders of runs are that boards do by themselves.

A board knows only the number of its run. For each one there is a file in the user's state folder,
named after the number, with the path of the run folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from .errors import RunError
from .folder import Run


def remember(run: Run) -> None:
    """Makes the folder of a run known to `find_run`, as far as that can be written down."""
    note = _note(run.config.run_id)
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{run.path.absolute()}\n", "utf-8", newline="\n")


def forget(run: Run) -> None:
    """For a run that is complete."""
    with contextlib.suppress(OSError):
        _note(run.config.run_id).unlink(missing_ok=True)


def find_run(run_id: int) -> Run | None:
    """The run of that number: one that was remembered, or in runs/ or the current folder."""
    for path in _candidates(run_id):
        try:
            run = Run.open(path)
        except RunError:
            continue
        if run.config.run_id == run_id:
            return run
    return None


def _candidates(run_id: int) -> Iterator[Path]:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        yield Path(_note(run_id).read_bytes().decode().removesuffix("\n"))
    for folder in (Path("runs"), Path()):
        for config in sorted(folder.glob("*/config.toml")):
            yield config.parent


def _note(run_id: int) -> Path:
    return platformdirs.user_state_path("ugpt") / "runs" / f"{run_id:08x}"

"""Where the folders of runs are that boards do by themselves.

A board knows only the number of its run. For each one there is a file in the user's state folder,
named after the number, with the path of the run folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..storage.state_folder import state_folder
from .errors import RunError
from .files import read_file, write_atomically
from .folder import Run, read_config
from .naming import folders_in

_NOTE_MAX_BYTES = 2**16


def remember(run: Run) -> bool:
    """Makes the folder of a run known to `find_run`; False if that cannot be written down."""
    try:
        note = _note(run.config.run_id)
        note.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(note, f"{run.path.absolute()}\n".encode())
        _stopped(run.config.run_id).unlink(missing_ok=True)
    except (OSError, RunError):
        return False
    return True


def note_stopped(run_id: int) -> None:
    """For a run that its board no longer does by itself, and that is not complete."""
    with contextlib.suppress(OSError):
        if _note(run_id).exists():
            _stopped(run_id).touch()


def forget(run: Run) -> None:
    """For a run that is complete."""
    with contextlib.suppress(OSError):
        _note(run.config.run_id).unlink(missing_ok=True)
        _stopped(run.config.run_id).unlink(missing_ok=True)


def find_run(run_id: int) -> Run | None:
    """The run of that number: one that was remembered, or in runs/ or the current folder."""
    for path in _candidates(run_id):
        try:
            if run_id in read_config(path).run_ids:
                return Run.open(path)
        except RunError:
            continue
    return None


def goes_on_alone(run_id: int, path: Path) -> bool:
    """Whether a board does the run in `path` by itself, as far as this computer knows."""
    with contextlib.suppress(OSError):
        return _remembered(run_id) == path.absolute() and not _stopped(run_id).exists()
    return False


def _candidates(run_id: int) -> Iterator[Path]:
    if remembered := _remembered(run_id):
        yield remembered
    for folder in (Path("runs"), Path()):
        yield from folders_in(folder)


def _remembered(run_id: int) -> Path | None:
    with contextlib.suppress(OSError, RunError, UnicodeDecodeError):
        content = read_file(_note(run_id), _NOTE_MAX_BYTES) or b""
        if content and b"\0" not in content:
            return Path(content.decode().removesuffix("\n"))
    return None


def _note(run_id: int) -> Path:
    return state_folder() / "runs" / f"{run_id:08x}"


def _stopped(run_id: int) -> Path:
    """A file that is there if the run was stopped."""
    return _note(run_id).with_suffix(".stopped")

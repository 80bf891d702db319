"""Files of a run folder that are written whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from .errors import RunError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, also when the power fails."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise write_error(path, error) from None


def write_error(path: Path, error: OSError | ValueError) -> RunError:
    """What to tell of a file that cannot be written."""
    if isinstance(error, ValueError):
        return RunError(f"{path} cannot be written ({error}).", "Name another folder.")
    if error.errno in _FULL:
        return RunError(f"{path} cannot be written: the disk is full.", "Make room, then resume.")
    return RunError(
        f"{path} cannot be written ({error.strerror}).", "Check the folder, or name another."
    )

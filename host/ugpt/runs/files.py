"""The files of a run folder, whoever made it: read within bounds, written whole or not at all.

A folder may come from a stranger. What is read or written is a plain file in the folder itself: a
symbolic link would lead to a file of somebody else, and a pipe or a device never ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import reason_of
from ..storage.plain_file import (
    IS_LINK,
    IS_NO_FILE,
    TooLarge,
    extend,
    open_plain,
    read_plain,
    read_up_to,
    write_whole,
)
from .errors import DiskFull, RunError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def read_file(path: Path, most_bytes: int) -> bytes | None:
    """The content of a file, or None if there is none. Raises RunError if it cannot be read.

    A file of more than `most_bytes` is refused before it is read.
    """
    try:
        return read_plain(path, most_bytes, follow=False)
    except FileNotFoundError:
        return None
    except TooLarge as error:
        raise RunError(
            f"{path} is too large: {error.size_bytes:,} bytes,"
            f" and such a file has {most_bytes:,} at most.",
            "Restore the file, or move it away.",
        ) from None
    except OSError as error:
        raise read_error(path, error) from None


def size_of(path: Path) -> int:
    """0 if there is no such file. Raises RunError if nobody can tell."""
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise read_error(path, error) from None


class PartialFile:
    """A plain file of which only parts are read; made by `opened`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size_bytes = os.fstat(descriptor).st_size

    def read(self, offset: int, most_bytes: int) -> bytes:
        """What is there, which is less at the end of the file. Raises OSError."""
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        return read_up_to(self._descriptor, most_bytes)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[PartialFile]:
    """A file to read parts of. Raises FileNotFoundError, or RunError if it cannot be read."""
    try:
        descriptor = open_plain(path, follow=False)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise read_error(path, error) from None
    try:
        yield PartialFile(descriptor)
    except OSError as error:
        raise read_error(path, error) from None
    finally:
        os.close(descriptor)


def append_whole(path: Path, content: bytes, *, replaced_bytes: int = 0) -> None:
    """Appends all of `content`, or leaves the file as it was. Raises RunError.

    The last `replaced_bytes` of the file make room for it; then it must exist.
    """
    try:
        extend(path, content, replaced_bytes)
    except OSError as error:
        raise write_error(path, error) from None


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, also when the power fails. Raises RunError."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise write_error(path, error) from None


def require_replaceable(path: Path, beginning: bytes) -> None:
    """For a file at a place that people name. Raises RunError unless nothing is there, or a plain
    file that is empty or begins as those that are written there do.
    """
    if not holds_plain_file(path):
        return
    with opened(path) as part:
        if part.size_bytes and part.read(0, len(beginning)) != beginning:
            raise RunError(
                f"{path} exists and is a file of another kind.",
                "Name another file, or remove that one.",
            )


def holds_plain_file(path: Path) -> bool:
    """False if nothing is at `path`. Raises RunError for all but a plain file: a file that is
    written there would replace it."""
    if not exists(path):
        return False
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        reason = IS_LINK if stat.S_ISLNK(mode) else IS_NO_FILE
        raise RunError(f"{path} cannot be written ({reason}).", "Name another file.")
    return True


def read_error(path: Path, error: OSError) -> RunError:
    """What to tell of a file that cannot be read."""
    return RunError(
        f"{path} cannot be read: {reason_of(error)}.", "Restore the file, or remove it."
    )


def write_error(path: Path, error: OSError) -> RunError:
    """What to tell of a file that cannot be written."""
    if error.errno in _FULL:
        if error.errno == errno.EFBIG:
            why, advice = "it is larger than files may be", "Raise the limit (ulimit -f)"
        else:
            why, advice = "the disk is full", "Make room"
        return DiskFull(f"{path} cannot be written: {why}.", f"{advice}, then try again.")
    reason = reason_of(error)
    with contextlib.suppress(OSError):
        for file in filter(Path.is_file, path.parents):
            reason = f"{file} is a file, not a folder"
    return RunError(f"{path} cannot be written ({reason}).", "Check the folder, or name another.")


def exists(path: Path) -> bool:
    """Whether something is at `path`, be it a link to nowhere. Raises RunError if nobody can tell.

    A name that is too long and a folder that may not be searched are such cases.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} cannot be used: {reason_of(error)}.", "Name another folder."
        ) from None
    return True


def is_no_folder(path: Path) -> bool:
    """Whether something else is at `path`, such as a file or a pipe; False if nobody can tell."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):
        return False

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
from .errors import DiskFull, RunError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Absent on Windows, but for the last. O_NONBLOCK: a pipe without a writer must not hold an open.
_SAFE_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_READ_BYTES = 2**20


def read_file(path: Path, most_bytes: int) -> bytes | None:
    """The content of a file, or None if there is none. Raises RunError if it cannot be read.

    A file of more than `most_bytes` is refused before it is read.
    """
    try:
        descriptor = open_plain(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise read_error(path, error) from None
    try:
        size = os.fstat(descriptor).st_size
        if size > most_bytes:
            raise RunError(
                f"{path} is too large: {size:,} bytes, and such a file has {most_bytes:,} at most.",
                "Restore the file, or move it away.",
            )
        content = bytearray()
        # One that grows meanwhile is read no further than it may reach.
        while piece := os.read(descriptor, min(_READ_BYTES, most_bytes + 1 - len(content))):
            content += piece
        return bytes(content)
    except OSError as error:
        raise read_error(path, error) from None
    finally:
        os.close(descriptor)


class PartialFile:
    """A plain file of which only parts are read; made by `opened`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size_bytes = os.fstat(descriptor).st_size

    def read(self, offset: int, most_bytes: int) -> bytes:
        """What is there, which is less at the end of the file. Raises OSError."""
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        content = bytearray()
        while piece := os.read(self._descriptor, most_bytes - len(content)):
            content += piece
        return bytes(content)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[PartialFile]:
    """A file to read parts of. Raises FileNotFoundError, or RunError if it cannot be read."""
    try:
        descriptor = open_plain(path, os.O_RDONLY)
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


def open_plain(path: Path, flags: int) -> int:
    """A descriptor of a plain file, never of what a link leads to. Raises OSError."""
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(errno.ELOOP, _LINK)
    try:
        descriptor = os.open(path, flags | _SAFE_FLAGS, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, _LINK) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _NO_FILE)
    return descriptor


def write_all(descriptor: int, content: bytes) -> None:
    """Writes all of `content`, in as many pieces as the system takes. Raises OSError."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def append_whole(path: Path, content: bytes, *, replaced_bytes: int = 0) -> None:
    """Appends all of `content`, or leaves the file as it was. Raises RunError.

    The last `replaced_bytes` of the file make room for it; then it must exist.
    """
    try:
        how = os.O_RDWR if replaced_bytes else os.O_RDWR | os.O_APPEND | os.O_CREAT
        descriptor = open_plain(path, how)
        try:
            start = os.lseek(descriptor, -replaced_bytes, os.SEEK_END)
            replaced = os.read(descriptor, replaced_bytes)
            os.lseek(descriptor, start, os.SEEK_SET)
            try:
                write_all(descriptor, content)
            except OSError:
                os.ftruncate(descriptor, start + replaced_bytes)
                os.lseek(descriptor, start, os.SEEK_SET)
                write_all(descriptor, replaced)
                raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise write_error(path, error) from None


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, also when the power fails."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        # One that is left of a crash, or that leads elsewhere.
        temporary.unlink(missing_ok=True)
        descriptor = open_plain(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise write_error(path, error) from None
    _sync_folder(path.parent)


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
        reason = _LINK if stat.S_ISLNK(mode) else _NO_FILE
        raise RunError(f"{path} cannot be written ({reason}).", "Name another file.")
    return True


def _sync_folder(folder: Path) -> None:
    """Makes the new name outlive a power cut, on systems where a folder can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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


_LINK = "it is a symbolic link"
_NO_FILE = "it is no plain file"

"""Regular files, read within bounds and written whole or not at all.

Opening a pipe or a device may take for ever, and reading it too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

IS_LINK = "it is a symbolic link"
IS_NO_FILE = "it is not a regular file"

# Absent on Windows, but for the last.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_SAFE_FLAGS = (
    getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
_PIECE_BYTES = 2**20


class TooLarge(OSError):
    """A file has more bytes than were asked for."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(errno.EFBIG, os.strerror(errno.EFBIG))
        self.size_bytes = size_bytes


def open_plain(path: Path, flags: int = os.O_RDONLY, *, follow: bool = True) -> int:
    """A descriptor of a regular file. Raises OSError for anything else.

    Unless it is to `follow` symbolic links, one is refused too.
    """
    if not (follow or _NO_FOLLOW) and path.is_symlink():
        raise OSError(errno.ELOOP, IS_LINK, str(path))
    try:
        descriptor = os.open(path, flags | _SAFE_FLAGS | (0 if follow else _NO_FOLLOW), 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise OSError(errno.ELOOP, IS_LINK, str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, IS_NO_FILE, str(path))
    return descriptor


def read_plain(path: Path, most_bytes: int, *, follow: bool = True) -> bytes:
    """All of a regular file. Raises TooLarge before anything is read, and OSError."""
    descriptor = open_plain(path, follow=follow)
    try:
        size_bytes = os.fstat(descriptor).st_size
        if size_bytes > most_bytes:
            raise TooLarge(size_bytes)
        # One that grows meanwhile is read no further than it may reach.
        return read_up_to(descriptor, most_bytes)
    finally:
        os.close(descriptor)


def read_up_to(descriptor: int, most_bytes: int) -> bytes:
    """As many bytes as there are, in as many pieces as the system gives. Raises OSError."""
    content = bytearray()
    while piece := os.read(descriptor, min(_PIECE_BYTES, most_bytes - len(content))):
        content += piece
    return bytes(content)


def write_all(descriptor: int, content: bytes) -> None:
    """Writes all of `content`, in as many pieces as the system takes. Raises OSError."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, also when the power fails. Raises OSError."""
    # Another program may be writing the same file.
    temporary = path.with_name(f".ugpt-{secrets.token_hex(4)}.new")
    try:
        descriptor = open_plain(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, follow=False)
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def extend(path: Path, content: bytes, replaced_bytes: int) -> None:
    """Appends all of `content` in the place of the last `replaced_bytes`, or leaves the file as it
    was. Raises OSError, also for a symbolic link.
    """
    how = os.O_RDWR if replaced_bytes else os.O_RDWR | os.O_APPEND | os.O_CREAT
    descriptor = open_plain(path, how, follow=False)
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


def _sync_folder(folder: Path) -> None:
    """Makes the new name outlive a power cut, on systems where a folder can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

"""The bytes of a file that people name, which may be far larger than any firmware."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

# Absent on Windows, but for the last.
_SAFE_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_MOST_BYTES = 2**28


def read_content(file: Path) -> bytes:
    """All of it. Raises OSError, also if that is too much, and ValueError for what is no path."""
    # Opening a pipe or a device may take for ever, and reading it too.
    descriptor = os.open(file, os.O_RDONLY | _SAFE_FLAGS)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file")
    with os.fdopen(descriptor, "rb") as opened:
        if found.st_size > _MOST_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return opened.read()

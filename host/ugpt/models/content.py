"""The bytes of a file that people name, which may be far larger than any model of a board."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from .errors import ModelFileError
from .model import MOST_PARAMETERS

# Absent on Windows, but for the last.
_SAFE_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_MOST_BYTES = 4 * MOST_PARAMETERS + (64 << 20)


def open_plain(file: Path) -> BinaryIO:
    """For reading. Raises OSError, also for what is no plain file: opening a pipe or a device may
    take for ever, and reading it too.
    """
    descriptor = os.open(file, os.O_RDONLY | _SAFE_FLAGS)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a regular file")


def read_content(file: Path) -> bytes:
    """All of it. Raises ModelFileError if that is too much, and OSError."""
    with open_plain(file) as opened:
        if os.fstat(opened.fileno()).st_size <= _MOST_BYTES:
            return opened.read()
    raise ModelFileError(
        f"{file} has over {_MOST_BYTES:,} bytes, far too many for a board.",
        "Take a model of at most about a million parameters; stories260K is one.",
    )

"""The bytes of a file that people name, which may be far larger than any firmware."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_MOST_BYTES = 2**28


def read_content(file: Path) -> bytes:
    """All of it. Raises OSError, also if that is too much, and ValueError for what is no path."""
    if file.stat().st_size <= _MOST_BYTES:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)  # a device has no size, and may have no end
        if len(content) <= _MOST_BYTES:
            return content
    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

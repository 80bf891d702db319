"""Numbers and commands in sentences."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path


def counted(number: int, noun: str, plural: str = "") -> str:
    """Such as `1 document`, `2,000 documents` or, with its plural, `3 dairies`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def command(*words: str | Path) -> str:
    """A command line of this program, such as `ugpt train --resume 'my runs/1'`."""
    quoted = [_path(word) if isinstance(word, Path) else word for word in words]
    if sys.platform == "win32":
        return subprocess.list2cmdline(["ugpt", *quoted])
    return shlex.join(["ugpt", *quoted])


def _path(path: Path) -> str:
    """A name that begins like an option, or like a home folder, is neither behind a folder."""
    text = str(path)
    return f"./{text}" if text.startswith(("-", "~")) else text

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
    quoted = [argument(word) if isinstance(word, Path) else word for word in words]
    if sys.platform == "win32":
        return subprocess.list2cmdline(["ugpt", *quoted])
    return shlex.join(["ugpt", *quoted])


def argument(path: Path) -> str:
    """A path as a program takes it: behind a folder it is neither an option nor a home folder."""
    text = str(path)
    return f"./{text}" if text.startswith(("-", "~")) else text

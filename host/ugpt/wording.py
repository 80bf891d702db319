"""Numbers and commands in sentences."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path


def counted(number: int, noun: str, plural: str = "") -> str:
    """Such as `1 document`, `2,000 documents` or, with its plural, `3 dairies`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


SIZE_MAX = 2**32 - 1
"""What a device tells of a size in bytes that is as large or larger."""


def size_in_bytes(size: int) -> str:
    """Such as `1,024 bytes`."""
    return counted(size, "byte") if size < SIZE_MAX else "at least 4 GiB"


# Controls (ESC and the C1 set among them), halves of characters, ends of lines and paragraphs, and
# what turns the direction of all that follows. Spaces of every width and joiners do no harm.
ACTING = "\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u206f"
"""The characters that act on a terminal, as a class of regular expressions has them."""

_ACTING = re.compile(f"[{ACTING}]")
_PLAIN = re.compile(rb"[\w./ -]", re.ASCII)


def command(*words: str | Path) -> str:
    """A command line of this program, such as `ugpt train --resume 'my runs/1'`."""
    texts = [argument(word) if isinstance(word, Path) else word for word in words]
    if sys.platform == "win32":
        return subprocess.list2cmdline(["ugpt", *texts])
    return " ".join(["ugpt", *map(quoted, texts)])


def quoted(text: str) -> str:
    """A word as a shell takes it, in characters that may be shown and pasted.

    printf writes what would act on a terminal, for not every sh knows $'..'.
    """
    if not _ACTING.search(text):
        return shlex.quote(text)
    # The shell takes line ends off the end of what it is given so, and a path is the same with /.
    end = "/." if text.endswith("\n") else ""
    octal = "".join(
        character.decode() if _PLAIN.match(character) else f"\\{character[0]:03o}"
        for character in (bytes([byte]) for byte in os.fsencode(text + end))
    )
    return f"\"$(printf -- '{octal}')\""


def argument(path: Path) -> str:
    """A path as a program takes it: behind a folder it is neither an option nor a home folder."""
    text = str(path)
    return f"./{text}" if text.startswith(("-", "~")) else text

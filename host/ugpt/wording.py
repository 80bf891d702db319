"""Numbers and commands in sentences."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path


def counted(number: int, noun: str, plural: str = "") -> str:
    """Such as `1 document`, `2,000 documents` or, with its plural, `3 dairies`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def with_article(noun: str) -> str:
    """Such as `an ESP32` or `a board`."""
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"


def alternatives(words: Iterable[str]) -> str:
    """Such as `age, name or state`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def data_name(data: Path) -> str:
    """What a training text is called."""
    return "standard input" if data == Path("-") else data.name or str(data)


def number_text(number: float) -> str:
    """A number as a person writes it: 16,777,216, 0.001, 2^64 - 1."""
    if isinstance(number, float):
        return f"{number:,.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.6g}"
    if number > _LARGEST_WRITTEN_OUT and number & (number + 1) == 0:
        return f"2^{number.bit_length()} - 1"
    return f"{number:,}"


def span(least: float, most: float) -> str:
    """Such as `1 to 1,024` or `0 to 2^64 - 1`."""
    return f"{number_text(least)} to {number_text(most)}"


SIZE_MAX = 2**32 - 1
"""What a device tells of a size in bytes that is as large or larger."""


def size_in_bytes(size: int) -> str:
    """Such as `1,024 bytes`."""
    return counted(size, "byte") if size < SIZE_MAX else "at least 4 GiB"


# Controls (ESC and the C1 set among them), halves of characters, ends of lines and paragraphs, and
# what turns the direction of all that follows. Spaces of every width and joiners do no harm.
ACTING = "\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u206f"
"""The characters that act on a terminal, as a class of regular expressions has them."""

_DISTRIBUTION = "ugpt-esp32"
_LARGEST_WRITTEN_OUT = 2**24
_ACTING = re.compile(f"[{ACTING}]")
_PLAIN = re.compile(rb"[\w./ -]", re.ASCII)


def command(*words: str | Path) -> str:
    """A command line of this program, such as `ugpt train --resume 'my runs/1'`."""
    texts = [argument(word) if isinstance(word, Path) else word for word in words]
    return " ".join(["ugpt", *map(_word, texts)])


def install_command(*options: str, extra: str = "") -> str:
    """The command that installs this program, with an extra, where it is installed already.

    Of one that was installed from a folder, such as a clone, it names that folder.
    """
    python = sys.executable
    if _is_found("pip", Path(python).parent):
        installer = ["pip", "install"]
    elif find_spec("pip") is not None:
        installer = [python, "-m", "pip", "install"]
    else:  # as `uv tool install` makes an environment
        installer = ["uv", "pip", "install", "--python", python]
    *how, name = _installed_from()
    words = [*installer, *options, *how, f"{name}[{extra}]" if extra else name]
    return " ".join(map(_word, words))


def update_command() -> str:
    """The command that brings a newer release of this program, or of the clone it lies in."""
    *_, name = _installed_from()
    if name == _DISTRIBUTION:
        return install_command("--upgrade")
    return f"git -C {_word(name)} pull && {install_command()}"


def _installed_from() -> list[str]:
    """What an installer was given: the name of the distribution or a folder, and options."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        origin = json.loads(distribution(_DISTRIBUTION).read_text("direct_url.json") or "{}")
        url = urlsplit(origin["url"])
        folder = url2pathname(url.path)
        if url.scheme != "file" or not Path(folder).is_dir():
            return [_DISTRIBUTION]
        return ["--editable", folder] if origin["dir_info"].get("editable") else [folder]
    except (PackageNotFoundError, AttributeError, KeyError, TypeError, ValueError):
        return [_DISTRIBUTION]


def _is_found(program: str, folder: Path) -> bool:
    """Whether a shell finds the program of that folder by its name."""
    found = shutil.which(program)
    return found is not None and os.path.realpath(Path(found).parent) == os.path.realpath(folder)


def _word(text: str) -> str:
    """A word as the shell of this system takes it."""
    return subprocess.list2cmdline([text]) if sys.platform == "win32" else quoted(text)


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

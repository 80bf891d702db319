"""Which characters of a text may reach a terminal: all but those that act on it.

Texts come from data sets, devices and file names, and nobody has looked at them before.
"""

from __future__ import annotations

import re

from ..wording import ACTING

_SUBSTITUTE = "·"

_HARMFUL = re.compile(f"[{ACTING}]")
_HARMFUL_IN_LINES = re.compile(f"(?![\n\t])[{ACTING}]")


def printable(text: str) -> str:
    """`text` as a part of one line, each character that would act on the terminal replaced."""
    return _HARMFUL.sub(_SUBSTITUTE, text)


def printable_lines(text: str) -> str:
    """The same of a text with lines and tabs of its own."""
    return _HARMFUL_IN_LINES.sub(_SUBSTITUTE, text)


def escaped(json: str) -> str:
    """JSON with the same value in which no character acts on a terminal."""
    return _HARMFUL.sub(lambda found: f"\\u{ord(found.group()):04x}", json)

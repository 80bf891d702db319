"""Which characters of a text may reach a terminal: all but those that act on it.

Texts come from data sets, devices and file names, and nobody has looked at them before.
"""

from __future__ import annotations

import re

_SUBSTITUTE = "·"

# Controls (ESC and the C1 set among them), halves of characters, ends of lines and paragraphs, and
# what turns the direction of all that follows. Spaces of every width and joiners do no harm.
_ACTING = "\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u206f"
_HARMFUL = re.compile(f"[{_ACTING}]")
_HARMFUL_IN_LINES = re.compile(f"(?![\n\t])[{_ACTING}]")


def printable(text: str) -> str:
    """`text` as a part of one line, each character that would act on the terminal replaced."""
    return _HARMFUL.sub(_SUBSTITUTE, text)


def printable_lines(text: str) -> str:
    """The same of a text with lines and tabs of its own."""
    return _HARMFUL_IN_LINES.sub(_SUBSTITUTE, text)


def escaped(json: str) -> str:
    """JSON with the same value in which no character acts on a terminal."""
    return _HARMFUL.sub(lambda found: f"\\u{ord(found.group()):04x}", json)

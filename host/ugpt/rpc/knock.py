"""A knock: a frame that passes lines which no request passes, and that is answered as text.

Lines that are not 8-bit clean change or swallow some bytes. Every request holds a byte above 127,
and its checksum any bytes at all. A knock is made of printable bytes, checksum included.

No frame ends on a line that swallows zeros. For it there is a knock outside of frames.
"""

from __future__ import annotations

import re
import zlib
from itertools import product

_KNOCK = b"ugpt?"
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_HEARD = re.compile(r"ugpt heard ([0-9a-f]{8})")

PLAIN_KNOCK = b"ugpt plain?"
"""With a line end after it. It is answered if the lower seven bits of each byte come through."""

_HEARD_PLAIN = re.compile(r"ugpt hears text ([0-9a-f]{8})")


def knock(carried: bytes = b"", number: int = 0) -> bytes:
    """The body of a knock that carries some bytes; those of other numbers differ in the rest."""
    left = number
    for letters in product(_LETTERS, repeat=3):
        body = _KNOCK + carried + bytes(letters)
        if all(0x20 <= byte < 0x7F for byte in zlib.crc32(body).to_bytes(4, "little")):
            if not left:
                return body
            left -= 1
    raise AssertionError("one in fifty checksums is printable")


def heard(line: str) -> int | None:
    """The checksum of the knock that a line of text answers; None if it answers none."""
    return _number(_HEARD, line)


def heard_plain(line: str) -> int | None:
    """Likewise for a plain knock: of its bytes as they came."""
    return _number(_HEARD_PLAIN, line)


def _number(pattern: re.Pattern[str], line: str) -> int | None:
    match = pattern.search(line)
    return int(match[1], 16) if match else None


def checksum(body: bytes) -> int:
    """What the answer to a knock names."""
    return zlib.crc32(body)

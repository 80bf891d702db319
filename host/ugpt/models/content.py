"""The bytes of a file that people name, which may be far larger than any model of a board."""

from __future__ import annotations

from pathlib import Path

from ..errors import reason_of
from ..storage.plain_file import TooLarge, read_plain
from .errors import ModelFileError
from .model import MOST_PARAMETERS

_MOST_BYTES = 4 * MOST_PARAMETERS + (64 << 20)


def read_content(file: Path, advice: str = "") -> bytes:
    """All of it. Raises ModelFileError if that is too much, or, with `advice`, cannot be read."""
    try:
        return read_plain(file, _MOST_BYTES)
    except TooLarge:
        raise ModelFileError(
            f"{file} has over {_MOST_BYTES:,} bytes, far too many for a board.",
            "Take a model of at most about a million parameters; stories260K is one.",
        ) from None
    except OSError as error:
        raise ModelFileError(f"Cannot read {file}: {reason_of(error)}.", advice) from None

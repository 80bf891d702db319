"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Such as `1 document`, `2,000 documents` or, with its plural, `3 dairies`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"

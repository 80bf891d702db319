"""samples.txt: texts one a line, or set apart by lines of = if they have line ends themselves."""

from __future__ import annotations

from collections.abc import Sequence

_BORDER = 40  # characters of the line between texts, at least


def format_samples(texts: Sequence[str], several_lines: bool) -> str:
    """The content of the file; `several_lines` says whether a text may have several."""
    border = _border(texts) if several_lines else ""
    return border + "".join(f"{text}\n{border}" for text in texts)


def parse_samples(content: str) -> list[str]:
    """The texts in the content of the file."""
    first, found, _ = content.partition("\n")
    if found and len(first) >= _BORDER and not first.strip("="):
        return [part.removesuffix("\n") for part in content.split(f"{first}\n")[1:-1]]
    return content.removesuffix("\n").split("\n") if content else []


def _border(texts: Sequence[str]) -> str:
    """A line of = that no text holds; the first line of the file tells how long it is."""
    length = _BORDER
    while any("=" * length in text for text in texts):
        length += 1
    return "=" * length + "\n"

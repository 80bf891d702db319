"""Colours, and numbers and texts as people read them."""

from __future__ import annotations

from rich.text import Text

ACCENT = "bright_cyan"
QUIET = "bright_black"
WARNING = "yellow"


def printable(text: str) -> str:
    """`text` without characters that would move the cursor or change the terminal."""
    return "".join(character if character.isprintable() else "·" for character in text)


def duration(seconds: float) -> str:
    """Such as `350 ms`, `7 s`, `3:05` or `2:03:05`."""
    if 0 < seconds < 0.9995:
        return f"{max(seconds * 1000, 1):.0f} ms"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(per_s: float) -> str:
    """Such as `0.42`, `8.1` or `5,780`."""
    return f"{per_s:,.0f}" if per_s >= 100 else f"{per_s:.1f}" if per_s >= 1 else f"{per_s:.2f}"


def byte_count(size: float) -> str:
    """Such as `640 B`, `12.5 KiB` or `1.2 MiB`."""
    for unit in ("B", "KiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} KiB"
        size /= 1024
    return f"{size:.1f} MiB"


def bar(share: float, width: int, style: str) -> Text:
    """A bar of `width` columns, filled by `share` (0..1)."""
    filled = round(min(max(share, 0.0), 1.0) * width)
    return Text.assemble(("━" * filled, style), ("─" * (width - filled), QUIET))

"""Colours, and numbers and texts as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from ..wording import SIZE_MAX
from .cleaning import printable

ACCENT = "bright_cyan"
QUIET = "bright_black"
WARNING = "yellow"
GOOD = "green"
VALIDATION = "bold bright_yellow"
MEMORY = "magenta"


def sampled(text: str, block_size: float) -> str:
    """A text the model wrote, marked if the context cut it."""
    return printable(text) + ("…" if len(text) >= block_size else "")


def duration(seconds: float) -> str:
    """Such as `40 ms`, `7 s`, `3:05` or `2:03:05`."""
    if seconds < 0.9995:
        milliseconds = max(seconds, 0.0) * 1000
        decimals = 0 if milliseconds >= 9.95 or not milliseconds else 1 if milliseconds >= 1 else 2
        return f"{milliseconds:.{decimals}f} ms"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age(seconds: float) -> str:
    """Such as `40 s`, `5 min`, `3 h` or `12 d`: whole units, rounded down."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size):,} {unit}"
    return f"{int(seconds)} s"


def rate(per_s: float) -> str:
    """Such as `0.42`, `8.1` or `5,780`."""
    if not per_s:
        return "0"
    return f"{per_s:,.0f}" if per_s >= 100 else f"{per_s:.1f}" if per_s >= 1 else f"{per_s:.2f}"


def short_count(number: int) -> str:
    """Such as `850`, `1k`, `22.6k` or `10M`: three digits at most, never more than it is."""
    for unit, letter in ((1_000_000, "M"), (1000, "k")):
        if number >= unit:
            tenths = number * 10 // unit
            whole = tenths >= 1000 or tenths % 10 == 0
            return f"{tenths // 10}{letter}" if whole else f"{tenths / 10:.1f}{letter}"
    return str(number)


def byte_count(size: float) -> str:
    """Such as `640 B`, `12.5 KiB` or `1.2 MiB`."""
    if size == SIZE_MAX:
        return ">= 4 GiB"
    for unit in ("B", "KiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} KiB"
        size /= 1024
    return f"{size:.1f} MiB"


def byte_counts(sizes: Iterable[float]) -> str:
    """Such as `168.0 KiB + 104.2 KiB`."""
    return " + ".join(map(byte_count, sizes))


def memory_gauge(share: float) -> Text:
    """The share of the memory that is taken: as ten small blocks, and as a number."""
    return Text.assemble(_filled("▰▱", share, 10, MEMORY), f" {share:.0%}")


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as columns of eight heights, from their lowest to their highest."""
    shown = list(values)[-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    span = high - low or 1.0
    return "".join("▁▂▃▄▅▆▇█"[min(int((value - low) / span * 8), 7)] for value in shown)


def bar(share: float, width: int, style: str) -> Text:
    """A bar of `width` columns, filled by `share` (0..1)."""
    return _filled("━─", share, width, style)


def _filled(marks: str, share: float, width: int, style: str) -> Text:
    """The first of two marks for what is filled, the second for the rest."""
    filled = round(min(max(share, 0.0), 1.0) * width)
    return Text.assemble((marks[0] * filled, style), (marks[1] * (width - filled), QUIET))

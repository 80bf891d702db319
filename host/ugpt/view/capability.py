"""What the terminal is and can do."""

from __future__ import annotations

import os
import sys

_UNABLE = ("", "dumb", "unknown")
_FALLBACK = (80, 24)
_DIGITS_MAX = 4  # terminals have fewer than 10,000 columns


def can_redraw() -> bool:
    """Whether standard output is a terminal that can show a frame, and is ours to draw on."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    able = os.environ.get("TERM", "").lower() not in _UNABLE or sys.platform == "win32"
    able = able and os.environ.get("TTY_COMPATIBLE") != "0"  # as rich, which draws, has it
    return sys.stdout.isatty() and unicode and able and in_foreground()


def in_foreground() -> bool:
    """False for a job in the background of its terminal, which must not draw on it."""
    if sys.platform == "win32":
        return True
    try:  # of the terminal itself: the dashboard diverts what is written
        out = sys.__stdout__.fileno() if sys.__stdout__ else 1
        return os.tcgetpgrp(out) == os.getpgrp()
    except (OSError, ValueError):
        return True  # it is the terminal of nobody's shell


def terminal_size() -> tuple[int, int]:
    """Columns and lines: those of the terminal itself, else of the environment, at least 1 by 1."""
    try:
        columns, lines = os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1)
    except (OSError, ValueError):
        columns, lines = 0, 0
    return (
        columns or _from_environment("COLUMNS") or _FALLBACK[0],
        lines or _from_environment("LINES") or _FALLBACK[1],
    )


def mend_environment() -> None:
    """Corrects what rich would believe: an impossible COLUMNS, and a terminal without a name."""
    if not os.environ.get("TERM") and sys.platform != "win32":
        os.environ["TERM"] = "dumb"
    for name in ("COLUMNS", "LINES"):
        if name in os.environ and not _from_environment(name):
            del os.environ[name]


def _from_environment(name: str) -> int:
    """0 for what is no size of a terminal."""
    value = os.environ.get(name, "")
    if len(value) > _DIGITS_MAX or not (value.isascii() and value.isdigit()):
        return 0
    return int(value)

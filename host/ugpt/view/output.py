"""What all commands have in common when they speak to the user."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from .style import ACCENT, QUIET


def console() -> Console:
    """Standard output; lines are never broken to fit a width."""
    return Console(soft_wrap=True, highlight=False, markup=False, emoji=False)


def error_console() -> Console:
    return Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)


def say(text: str) -> None:
    """A remark beside the results, which go to standard output alone."""
    error_console().print(Text(text, QUIET))


def print_json(value: dict[str, Any]) -> None:
    """One object, one line, at once."""
    # What the stream cannot show is escaped, so that the value stays exact.
    unicode = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    sys.stdout.write(json.dumps(value, ensure_ascii=not unicode) + "\n")
    sys.stdout.flush()


def print_fields(fields: dict[str, str]) -> None:
    """Names and values in two columns."""
    width = max(len(name) for name in fields) + 2
    for name, value in fields.items():
        console().print(Text.assemble((f"{name:<{width}}", ACCENT), value))

"""What all commands have in common when they speak to the user."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from .style import ACCENT, QUIET


def console() -> Console:
    """Standard output; lines are never broken to fit a width."""
    return Console(soft_wrap=True, highlight=False, markup=False, emoji=False)


def error_console() -> Console:
    return Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)


@dataclass(frozen=True)
class _Program:
    """What this program is called in advice."""

    name: str
    command: re.Pattern[str]


_program: _Program | None = None


def name_program(name: str, commands: Iterable[str]) -> None:
    """From now on `pasteable` writes `name` for `ugpt` in front of one of `commands`."""
    global _program
    words = "|".join(map(re.escape, commands))
    _program = _Program(name, re.compile(rf"(?<![\w./-])ugpt(?= (?:{words})\b)"))


def pasteable(text: str) -> str:
    """`text` with its commands as a shell here takes them; all advice comes through this."""
    if _program is None:
        return text
    name = _program.name
    return _program.command.sub(lambda _: name, text)


def say(text: str) -> None:
    """A remark beside the results, which go to standard output alone."""
    error_console().print(Text(pasteable(text), QUIET))


def print_json(value: dict[str, Any]) -> None:
    """One object, one line, at once."""
    text = _dumped(value, ascii_only=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        # What the stream cannot show is escaped, so that the value stays exact.
        text = _dumped(value, ascii_only=True)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _dumped(value: dict[str, Any], *, ascii_only: bool) -> str:
    try:
        return json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)
    except ValueError:
        return json.dumps(_strict(value), ensure_ascii=ascii_only)


def _strict(value: Any) -> Any:
    """`value` as JSON can hold it: it knows no number that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _strict(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(entry) for entry in value]
    return value


def print_fields(fields: dict[str, str]) -> None:
    """Names and values in two columns."""
    width = max(len(name) for name in fields) + 2
    for name, value in fields.items():
        console().print(Text.assemble((f"{name:<{width}}", ACCENT), pasteable(value)))

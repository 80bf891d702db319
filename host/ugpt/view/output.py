"""What all commands have in common when they speak to the user."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from .cleaning import escaped, printable, printable_lines
from .style import ACCENT, QUIET


class Output(Console):
    """A stream to a person, or to a program that reads the results; nothing acts on a terminal."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)

    @property
    def _is_shown(self) -> bool:
        return self.is_terminal or self.file.isatty()

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or not self._is_shown:
                yield segment
            else:
                yield Segment(printable_lines(segment.text), segment.style)

    def tell(self, *parts: str | tuple[str, str]) -> None:
        """One line for a person: texts, some of them with a style, in which nothing acts."""
        pairs = [(part, "") if isinstance(part, str) else part for part in parts]
        self.print(Text.assemble(*((printable(text), style) for text, style in pairs)))

    def result(self, text: str, style: str = "", *, mark: str = "") -> None:
        """What the model or the device wrote, exactly as it is; on a terminal in a form that may
        be shown, with `mark` after it."""
        if self._is_shown:
            self.print(Text.assemble((printable_lines(text), style), (mark, QUIET)))
        else:
            self.file.write(text + "\n")  # rich would leave out some of the controls
            self.file.flush()

    def piece(self, text: str) -> None:
        """Part of a longer result, at once; what follows goes on where it ends."""
        self.file.write(printable_lines(text) if self._is_shown else text)
        self.file.flush()

    def rub_out(self, columns: int) -> None:
        """Takes back as many columns before the cursor."""
        self.file.write("\b \b" * columns)
        self.file.flush()


def console() -> Output:
    """Standard output; lines are never broken to fit a width."""
    return Output(soft_wrap=True)


def error_console() -> Output:
    return Output(stderr=True, soft_wrap=True)


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
    error_console().tell((pasteable(text), QUIET))


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
    # What must not reach a terminal is escaped, so that the value stays exact.
    try:
        return escaped(json.dumps(value, ensure_ascii=ascii_only, allow_nan=False))
    except ValueError:
        return escaped(json.dumps(_strict(value), ensure_ascii=ascii_only))


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
        console().tell((f"{name:<{width}}", ACCENT), pasteable(value))

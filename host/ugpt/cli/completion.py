"""What a Tab lists of a command, from an index instead of the command's file.

`host/completion.py` draws the index from the commands. A file is imported only for what the index
does not hold, such as the values of an option.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

INDEX = Path(__file__).with_name("completion.json")
"""Each command's summary as its `help`, and its own commands, or the texts of its options by their
names, separated by spaces."""
AGAIN = "..."
"""Follows the names of an option that may be given several times."""


@cache
def indexed() -> dict[str, Any]:
    """The index, by the name of the command."""
    entries: dict[str, Any] = json.loads(INDEX.read_text("utf-8"))
    return entries


def completed(name: str, entry: dict[str, Any], load: Callable[[], Any]) -> Any:
    """The command `name` as a Tab sees it; `load` imports the whole of it."""
    commands = {each: inner for each, inner in entry.items() if isinstance(inner, dict)}
    if commands:
        return _CompletedGroup(name, entry["help"], commands, load)
    return _CompletedCommand(name, entry, load)


class _CompletedCommand(TyperCommand):
    def __init__(self, name: str, entry: dict[str, Any], load: Callable[[], Any]) -> None:
        super().__init__(name, help=entry["help"])
        self._options = {tuple(key.split()): text for key, text in entry.items() if key != "help"}
        self._load = load
        self._words: list[str] = []
        self._read = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.allow_extra_args = ctx.ignore_unknown_options = True
        self._words = list(args)
        super().parse_args(ctx, args)
        self._read = True
        ctx.args = []
        return []

    def get_params(self, ctx: Any) -> Any:
        """Empty while words are read; then all, to find the one whose value is to be completed."""
        if not self._read:
            return []
        command = self._load()
        command.parse_args(ctx, list(self._words))
        return command.get_params(ctx)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        item = _completion_item()
        return [
            item(name, help=text)
            for names, text in self._options.items()
            if incomplete.startswith("-")
            and (AGAIN in names or not any(map(self._is_given, names)))
            for name in names
            if name.startswith(incomplete)
        ]

    def _is_given(self, name: str) -> bool:
        """As `--steps 5`, `--steps=5`, `-n 5` or `-n5`."""
        if name.startswith("--"):
            return any(word.partition("=")[0] == name for word in self._words)
        return any(word.startswith(name) for word in self._words)


def _completion_item() -> Any:
    """The class of what is listed. Typer may bring a click of its own."""
    click = typer.BadParameter.__module__.rpartition(".")[0]
    return import_module(f"{click}.shell_completion").CompletionItem


class ListingGroup(TyperGroup):
    """A group of commands that reads no options of its own ahead of a Tab: none matters there, and
    typer imports pydantic for each."""

    listing = False
    """Whether commands and options are only named."""

    def get_params(self, ctx: Any) -> Any:
        passes_over = ctx.resilient_parsing and not self.listing
        return [] if passes_over else super().get_params(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.ignore_unknown_options = ctx.resilient_parsing
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        with self.only_listing():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def only_listing(self) -> Iterator[None]:
        self.listing = True
        try:
            yield
        finally:
            self.listing = False


class _CompletedGroup(ListingGroup):
    def __init__(
        self, name: str, help: str, entries: dict[str, Any], load: Callable[[], Any]
    ) -> None:
        super().__init__(name=name, help=help)
        self._entries = entries
        self._load = load

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self._entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        return completed(cmd_name, entry, lambda: self._load().get_command(ctx, cmd_name))

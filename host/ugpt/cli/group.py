"""Finds the commands by their files and imports only the one that is run.

A listing (help, or a Tab) needs names and summaries: a file's name, and its first line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ..data.advice import pasted
from ..view.cleaning import printable
from ..view.output import pasteable
from .completion import ListingGroup, completed, indexed

FOLDER = Path(__file__).parent / "commands"
PANELS = {
    "Train": ("train", "sample", "plan", "data"),
    "Runs": ("runs", "compare", "load", "export"),
    "Board": ("flash", "info", "doctor", "ports", "monitor", "reset", "bench", "sim"),
    "A board on its own": ("attach", "stop", "autorun"),
    "Stories": ("model", "write"),
    "Many boards": ("sweep", "fleet", "boards", "serve"),
}
"""The commands in the order in which people need them: `ugpt --help` lists them like this."""

_OTHERS = "Other"
"""The panel of what is in none, until a test says so."""


@cache
def command_names() -> list[str]:
    """Every command, in the order in which help lists them."""
    found = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    listed = [name for names in PANELS.values() for name in names if name in found]
    return [*listed, *sorted(found.difference(listed))]


def panel_of(name: str) -> str:
    """In which panel of the help a command is."""
    return next((title for title, names in PANELS.items() if name in names), _OTHERS)


def summary(name: str) -> str:
    """The first line of the command's file, without its quotes."""
    with (FOLDER / f"{name}.py").open(encoding="utf-8") as file:
        return file.readline().strip().strip('"')


class _PlainTypes:
    """Help shows what a person writes: nothing for a flag, and an argument by its name alone."""

    def get_params(self, ctx: Any) -> Any:
        parameters = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
            elif parameter.param_type_name == "argument":
                parameter.display_type_rich = lambda ctx: None
        return parameters

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Without the braces that typer puts around what is required."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [piece.replace("{", "").replace("}", "") for piece in pieces]


# Typer may bring a click of its own, so its class is found through the one that it exports.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


class PlainCommand(_PlainTypes, TyperCommand):
    """One command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = list(args)
        try:
            rest = super().parse_args(ctx, args)
            if not ctx.resilient_parsing:
                self._refuse_empty(ctx, given)
            return rest
        except _UsageError as error:
            if file := _file_like_an_option(given):
                error.message = (  # type: ignore[attr-defined]
                    f"{file} is taken for an option; write {pasted(file)} for the file."
                )
            raise

    def _refuse_empty(self, ctx: Any, arguments: list[str]) -> None:
        """An empty text says something only if it is the default; as a path it is this folder."""
        values, _, _ = self.make_parser(ctx).parse_args(args=list(arguments))
        for parameter in self.get_params(ctx):
            value = values.get(parameter.name)
            texts = value if isinstance(value, list | tuple) else [value]
            if "" in texts and parameter.default != "":
                raise typer.BadParameter(
                    "it is empty; give one or leave it out", ctx=ctx, param=parameter
                )


def _file_like_an_option(arguments: Sequence[str]) -> Path | None:
    """The first argument that begins with a dash, and is a file all the same."""
    for argument in takewhile(lambda each: each != "--", arguments):
        if argument.startswith("-") and argument != "-" and os.path.lexists(argument):
            return Path(argument)
    return None


class PlainGroup(_PlainTypes, TyperGroup):
    """Commands in one file."""


_PYDANTIC = "Value error, "
"""What it puts ahead of a complaint of its users, of which typer is one."""


@contextmanager
def _clean_complaints() -> Iterator[None]:
    """What is said of an argument may go to a terminal, whatever the argument holds."""
    try:
        yield
    except Exception as error:
        complaint: Any = error
        if hasattr(complaint, "format_message") and isinstance(complaint.message, str):
            complaint.message = printable(complaint.message.removeprefix(_PYDANTIC))
        raise


class CommandGroup(PlainGroup, ListingGroup):
    """The commands of `commands/`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # Typer suggests one of these for a wrong name, and looks for nothing else in them.
        self.commands = dict.fromkeys(command_names())  # type: ignore[assignment]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        completion = args[:1] in (["--install-completion"], ["--show-completion"])
        if completion and len(args) > 1 and not ctx.resilient_parsing:
            raise typer.BadParameter(
                f"it is for the shell that runs it; leave {printable(args[1])} out, and run it in "
                "that shell",
                ctx=ctx,
                param_hint=args[0],
            )
        return super().parse_args(ctx, args)

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        with _clean_complaints():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        with _clean_complaints():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        return command_names()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in command_names():
            return None
        if self.listing:
            return TyperCommand(cmd_name, help=summary(cmd_name))
        load = partial(load_command, cmd_name)
        if ctx.resilient_parsing and cmd_name in indexed():
            return completed(cmd_name, indexed()[cmd_name], load)
        return load()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from .front_page import show_front_page  # most commands draw nothing of this kind

        panels: dict[str, list[tuple[str, str]]] = {}
        for name in command_names():
            panels.setdefault(panel_of(name), []).append((name, summary(name)))
        show_front_page(self, ctx, panels)


def load_command(name: str) -> Any:
    """Imports a command's file: it holds `command`, or an `app` with commands of its own."""
    module = import_module(f"{__package__}.commands.{name}")
    if hasattr(module, "app"):
        command = typer.main.get_command(module.app)
        command.name = name
    else:
        app = typer.Typer(
            rich_markup_mode="rich", pretty_exceptions_enable=False, add_completion=False
        )
        _add(app, module.command, module.EXAMPLES, name, module.__doc__)
        command = typer.main.get_command(app)
    return command


def command_group(help: str | None, lines: Sequence[str]) -> typer.Typer:
    """The `app` of a file with commands of its own; `lines` are examples."""
    return typer.Typer(
        cls=PlainGroup,
        help=_unwrapped(help),
        epilog=_examples(lines),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
    )


def command_of(
    app: typer.Typer, lines: Sequence[str], name: str | None = None
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Makes a function a command of `app`, by its own name if no other is given."""

    def add(command: Callable[..., object]) -> Callable[..., object]:
        _add(app, command, lines, name)
        return command

    return add


def _add(
    app: typer.Typer,
    command: Callable[..., object],
    lines: Sequence[str],
    name: str | None,
    help: str | None = None,
) -> None:
    from .option_groups import takes_groups  # a listing needs no options

    settings: dict[str, Any] = {"cls": PlainCommand, "epilog": _examples(lines)}
    text = _unwrapped(help or command.__doc__)
    app.command(name, help=text, **settings)(takes_groups(command))


def _examples(lines: Sequence[str]) -> str:
    """The end of a help text."""
    return pasteable("\n\n".join(["Examples:", *lines]))


def _unwrapped(text: str | None) -> str:
    """Paragraphs without the line breaks of the source, for terminals of any width."""
    return "\n\n".join(" ".join(part.split()) for part in (text or "").strip().split("\n\n"))

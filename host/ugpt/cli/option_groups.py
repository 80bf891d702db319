"""Groups of options: a command takes a dataclass, and each of its fields is an option.

    def command(*, port: Port = None, recipe: RecipeGroup, model: ModelGroup) -> None: ...

Typer sees one parameter for each field, in the place of the group. A field that the command also
has as a parameter of its own stays in that place, and the group gets the same value. The panels of
the help have one order in all commands.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterator
from enum import IntEnum, StrEnum
from functools import wraps
from inspect import Parameter, Signature
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

from ..training.options import Option, from_words, options_of
from .numbers import protocol_number

CONNECTION = "Connection"
"""The panel of the help that comes last: few need it."""

_FIRST_PANELS = (None, "Training", "Model", "Validation")
_LAST_PANELS = ("Reading the text", "Boards", CONNECTION)


class OptionGroup(NamedTuple):
    """Marks a parameter whose type is a group."""

    panel: str | None = None
    """Of the help, for options that name none."""
    planned: bool = False
    """Whether only those options are taken that the plan of a model depends on."""


def takes_groups(command: Callable[..., object]) -> Callable[..., object]:
    """`command` as typer is to see it."""
    own = inspect.signature(command, eval_str=True).parameters
    groups = {
        name: (kind, list(_parameters(kind, mark)))
        for name, each in own.items()
        for kind, mark in _marked(each.annotation)
    }
    shown = [
        flat.replace(kind=Parameter.KEYWORD_ONLY)
        for name, each in own.items()
        for flat in (groups[name][1] if name in groups else [each])
        if flat is each or flat.name in groups or flat.name not in own
    ]
    shown.sort(key=lambda each: panel_order(_panel(each)))

    @wraps(command)
    def call(**given: Any) -> object:
        made = {
            name: kind(**from_words(kind, {each.name: given[each.name] for each in fields}))
            for name, (kind, fields) in groups.items()
        }
        return command(**{name: given[name] for name in own if name not in made}, **made)

    call.__signature__ = Signature(shown)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in shown}
    return call


def option(group: type, name: str, panel: str | None = None) -> Any:
    """What typer is told of one field of a group of `training.options`."""
    kind, meaning = options_of(group)[name]
    names = [f"--{each.replace('_', '-')}" for each in (name, meaning.short) if each]
    bounds = protocol_number(meaning.field) if kind in (int, float) else {}
    return typer.Option(*names, help=meaning.help, rich_help_panel=panel, **bounds)


def panel_order(panel: str | None) -> int:
    """The place of a panel in the help; those of a single command are in the middle."""
    if panel in _FIRST_PANELS:
        return _FIRST_PANELS.index(panel)
    last = _LAST_PANELS.index(panel) + 1 if panel in _LAST_PANELS else 0
    return len(_FIRST_PANELS) + last


def _panel(parameter: Parameter) -> str | None:
    for told in get_args(parameter.annotation):
        if isinstance(told, OptionInfo):
            return told.rich_help_panel
    return None


def _marked(annotation: Any) -> list[tuple[type, OptionGroup]]:
    """The group that a parameter stands for, if it does."""
    kind, *marks = get_args(annotation) if get_origin(annotation) is Annotated else (None,)
    return [(kind, mark) for mark in marks if isinstance(mark, OptionGroup)]


def _parameters(group: type, mark: OptionGroup) -> Iterator[Parameter]:
    """Of the fields that are options; the others are for programs."""
    hints = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        kind, default = hints[field.name], field.default
        match get_args(kind):
            case (_, Option(planned=planned)) if mark.planned and not planned:
                continue
            case (kind, Option()):
                told = option(group, field.name, mark.panel)
            case (kind, OptionInfo() as info):
                told = copy.copy(info)
                told.rich_help_panel = told.rich_help_panel or mark.panel
            case _:
                continue
        if isinstance(default, IntEnum):
            words = _words(kind)
            kind, default = words, words[default.name]
        yield Parameter(
            field.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, told]
        )


def _words(kind: type[IntEnum]) -> Any:
    """The enumerators as a command line has them."""
    words: Any = StrEnum  # mypy wants the members of an enumeration to be literals
    return words(kind.__name__, {each.name: each.name.lower() for each in kind})

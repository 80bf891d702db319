"""Numbers as options: bounds that are checked, and shown as a person writes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import typer

from ..rpc.schema import Field
from ..wording import number_text, span


def whole_number(least: int, most: int | None = None) -> dict[str, Any]:
    """Arguments of `typer.Option` for an integer between bounds."""
    return _number(int, "a whole number", least, most)


def decimal_number(least: float, most: float) -> dict[str, Any]:
    """Arguments of `typer.Option` for a real number between bounds."""
    return _number(float, "a number", least, most)


def _number(
    convert: Callable[[str], float], kind: str, least: float, most: float | None
) -> dict[str, Any]:
    shown = bounds(least, most)

    def parse(text: str) -> float:
        try:
            number = convert(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not {kind} ({shown})") from None
        # NaN lies nowhere.
        if not least <= number <= (math.inf if most is None else most):
            raise typer.BadParameter(f"{text} is not in the range {shown}")
        return number

    return {"parser": parse, "metavar": shown}


def protocol_number(field: Field) -> dict[str, Any]:
    """Arguments of `typer.Option` for a number that the protocol bounds."""
    if field.type == "f32":
        assert field.least is not None
        assert field.most is not None
        return decimal_number(field.least, field.most)
    return whole_number(*field.range)


def bounds(least: float, most: float | None) -> str:
    """Such as `1 to 1,024`, `0 to 2^64 - 1` or `1 or more`."""
    return f"{number_text(least)} or more" if most is None else span(least, most)

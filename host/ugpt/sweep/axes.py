"""What a sweep varies: `n_embd=16,32,48` or `learning_rate=0.001:0.02:log`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import product

from ..errors import InvalidValue
from ..rpc.schema import Field
from ..training.options import options_of
from .settings import Settings

Value = int | float | str

_OPTIONS = options_of(Settings)
_FIELDS = {name: option.field for name, (kind, option) in _OPTIONS.items() if kind in (int, float)}
_WORDS = {
    name: tuple(each.name.lower() for each in kind)
    for name, (kind, _) in _OPTIONS.items()
    if issubclass(kind, IntEnum)
}
_EXACT = 2**53  # up to which Optuna, which keeps numbers as float64, has every whole number
_OTHER_NAMES = {option.short: name for name, (_, option) in _OPTIONS.items() if option.short}
NAMES = (*_FIELDS, *_WORDS)
"""What can be varied, as the options of `ugpt train` without their dashes."""


@dataclass(frozen=True)
class Choices:
    """One of several values."""

    name: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.name}={','.join(map(str, self.values))}"


@dataclass(frozen=True)
class Interval:
    """Any value from `low` to `high`, both included."""

    name: str
    low: float
    high: float
    log: bool
    """Whether each power of ten is as likely as the next, rather than each value."""

    @property
    def is_whole(self) -> bool:
        return _is_whole(self.name)

    def __str__(self) -> str:
        return f"{self.name}={self.low}:{self.high}{':log' if self.log else ''}"


Axis = Choices | Interval


def parse_axes(texts: Sequence[str]) -> tuple[Axis, ...]:
    """Raises InvalidValue for what is no axis, and for a name that comes twice."""
    axes = tuple(map(parse_axis, texts))
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise InvalidValue(f"--set names {name} twice.", "Put all of its values into one.")
    return axes


def parse_axis(text: str) -> Axis:
    """Such as `n_embd=16,32,48` or `learning_rate=0.001:0.02:log`. Raises InvalidValue."""
    written, equals, values = text.partition("=")
    name = _name_of(written.strip())
    if not equals or not values.strip():
        raise InvalidValue(
            f"--set {text} names no values.",
            f"Write such as --set {name}=A,B,C or --set {name}=LOW:HIGH.",
        )
    if ":" in values and name not in _WORDS:
        return _interval(name, values)
    return Choices(name, _distinct(name, [_value(name, each) for each in values.split(",")]))


def require_value(name: str, value: object) -> None:
    """Raises InvalidValue for what `--set` would not take for this name."""
    _value(name, str(value))


def count_combinations(axes: Sequence[Axis]) -> int:
    """Raises InvalidValue if there is an interval among the axes."""
    return math.prod(len(values) for values in _lists(axes))


def combinations(axes: Sequence[Axis]) -> Iterator[dict[str, Value]]:
    """Every combination of the values, the last axis fastest. Raises InvalidValue of intervals."""
    names = [axis.name for axis in axes]
    return (dict(zip(names, values, strict=True)) for values in product(*_lists(axes)))


def _lists(axes: Sequence[Axis]) -> list[tuple[Value, ...]]:
    for axis in axes:
        if isinstance(axis, Interval):
            raise InvalidValue(
                f"A grid needs single values, and --set {axis} is an interval.",
                f"List the values: --set {axis.name}={axis.low},{axis.high}",
            )
    return [axis.values for axis in axes if isinstance(axis, Choices)]


def _name_of(written: str) -> str:
    name = written.removeprefix("--").replace("-", "_")
    name = _OTHER_NAMES.get(name, name)
    if name in NAMES:
        return name
    nearest = difflib.get_close_matches(name, NAMES, 1)
    raise InvalidValue(
        f"--set cannot vary {written!r}.",
        f"Did you mean {nearest[0]}?" if nearest else f"It can vary {', '.join(NAMES)}.",
    )


def _interval(name: str, text: str) -> Interval:
    parts = [part.strip() for part in text.split(":")]
    log = len(parts) == 3 and parts[2] == "log"
    if len(parts) != 2 and not log:
        raise InvalidValue(
            f"--set {name}={text} is not an interval.",
            f"Write --set {name}=LOW:HIGH or LOW:HIGH:log.",
        )
    low, high = (_number(name, part) for part in parts[:2])
    if _is_whole(name) and high > _EXACT:
        raise InvalidValue(
            f"The interval {name}={text} has whole numbers of more than {_EXACT:,}, which a search "
            "would round.",
            f"List the values: --set {name}={parts[0]},{parts[1]}",
        )
    if low >= high:
        raise InvalidValue(
            f"The interval {name}={text} ends below its beginning or at it.",
            "Put the lower value first.",
        )
    if log and low <= 0:
        raise InvalidValue(
            f"The logarithm of {low:g} in --set {name}={text} does not exist.",
            "Begin above 0, or leave :log out.",
        )
    return Interval(name, low, high, log)


def _value(name: str, text: str) -> Value:
    text = text.strip()
    if words := _WORDS.get(name):
        if text not in words:
            raise InvalidValue(
                f"{text!r} is not a value of {name}.", f"It takes {', '.join(words)}."
            )
        return text
    return _number(name, text)


def _number(name: str, text: str) -> int | float:
    try:
        value: int | float = int(text) if _is_whole(name) else float(text)
    except ValueError:
        kind = "whole number" if _is_whole(name) else "number"
        raise InvalidValue(f"{text!r} for {name} is not a {kind}.") from None
    low, high = _bounds(_FIELDS[name])
    if not low <= value <= high or not math.isfinite(value):
        raise InvalidValue(f"{name}={text} is not in the range {_shown(low)} to {_shown(high)}.")
    return value


def _shown(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def _distinct(name: str, values: Sequence[Value]) -> tuple[Value, ...]:
    if len(set(values)) < len(values):
        raise InvalidValue(f"--set {name}={','.join(map(str, values))} names a value twice.")
    return tuple(values)


def _is_whole(name: str) -> bool:
    return name in _FIELDS and _FIELDS[name].type != "f32"


def _bounds(field: Field) -> tuple[float, float]:
    if field.type == "f32":
        assert field.least is not None
        assert field.most is not None
        return field.least, field.most
    return field.range

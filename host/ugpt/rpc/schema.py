"""The protocol as data: what the rows of the generated tables in `messages` are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Generic, NamedTuple, TypeVar

ResultT_co = TypeVar("ResultT_co", covariant=True)


class Task(Enum):
    """Who answers a method: the link task at once, or the trainer between two training steps."""

    LINK = "link"
    TRAINER = "trainer"


class Required(Enum):
    """What stands for the default of a field that has none."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED

_LARGEST = {
    "u8": 2**8 - 1,
    "u16": 2**16 - 1,
    "u32": 2**32 - 1,
    "u64": 2**64 - 1,
    "[u32]": 2**32 - 1,
}
_LARGEST_OF_ENUM = 2**8 - 1


class Field(NamedTuple):
    """One field of a message."""

    name: str
    type: str | type[IntEnum] | Layout
    """As the schema writes it ("any": left as it is), or the enum or record itself."""
    least: float | None = None
    """The smallest number; None: that of the type."""
    most: float | None = None
    """The largest number, or the most bytes of a str or bin; None: that of the type."""
    items: int = 0
    """The most items of an array."""
    default: object = REQUIRED
    """Stands in for a field that an older peer does not send."""
    optional: bool = False
    """Whether None, nil on the wire, is a value."""
    since: int = 0
    """The minor version of the protocol that brought it."""

    @property
    def range(self) -> tuple[int, int]:
        """The smallest and the largest of a whole number."""
        largest = _LARGEST.get(self.type, 0) if isinstance(self.type, str) else _LARGEST_OF_ENUM
        return int(self.least or 0), largest if self.most is None else int(self.most)


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a message in the order of the wire."""

    name: str
    """As errors call it."""
    fields: tuple[Field, ...]
    make: Callable[..., object]
    """Builds the value from those of the fields, in their order."""

    def __getitem__(self, name: str) -> Field:
        return _named(self.fields, name)


class Method(NamedTuple):
    """One row of the table of methods."""

    name: str
    task: Task
    params: tuple[Field, ...]
    result: Layout
    since: int
    """The minor version of the protocol that brought it."""

    def param(self, name: str) -> Field:
        return _named(self.params, name)


@dataclass(frozen=True, slots=True)
class Call(Generic[ResultT_co]):
    """A method and its params, in the order of the schema; `Link.call` returns its result."""

    method: Method
    params: tuple[object, ...]


def method(
    name: str,
    task: Task,
    params: tuple[Field, ...],
    result: tuple[Field, ...],
    *,
    make: Callable[..., object] | None = None,
    since: int = 0,
) -> Method:
    """A row of the table; without `make` the result is its only field, or None."""
    layout = Layout(f"the result of {name}", result, make or _only)
    return Method(name, task, params, layout, since)


def table(*methods: Method) -> dict[str, Method]:
    """Methods by name."""
    return {method.name: method for method in methods}


def _named(fields: tuple[Field, ...], name: str) -> Field:
    return next(field for field in fields if field.name == name)


def _only(*values: object) -> object:
    return values[0] if values else None

"""The schema as values: what `protocol/ugpt.toml` says; `reading` builds them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

INTEGER_BITS = {"u8": 8, "u16": 16, "u32": 32, "u64": 64}

Default = bool | int | float | str | list[int] | None


class Kind(Enum):
    """How a field's type is handled."""

    BOOL = "bool"
    INTEGER = "integer"
    F32 = "f32"
    STR = "str"
    BIN = "bin"
    U32_ARRAY = "[u32]"
    BIN_ARRAY = "[bin]"
    ENUM = "enum"
    RECORD = "record"


SIMPLE_KINDS = {
    "bool": Kind.BOOL,
    "f32": Kind.F32,
    "str": Kind.STR,
    "bin": Kind.BIN,
    "[u32]": Kind.U32_ARRAY,
    "[bin]": Kind.BIN_ARRAY,
    **dict.fromkeys(INTEGER_BITS, Kind.INTEGER),
}


@dataclass(frozen=True)
class Field:
    name: str
    type: str  # as written in the schema
    kind: Kind
    doc: str
    minimum: float | int | None
    maximum: float | int | None
    max_bytes: int
    max_items: int
    default: Default
    optional: bool  # nil is a value, and the default
    since: int  # the minor version that brought it

    @property
    def bits(self) -> int:
        return INTEGER_BITS[self.type]

    @property
    def required(self) -> bool:
        """Whether there is nothing to stand in for it."""
        return self.default is None and not self.optional


@dataclass(frozen=True)
class EnumValue:
    name: str
    value: int
    doc: str


@dataclass(frozen=True)
class EnumType:
    name: str
    doc: str
    values: tuple[EnumValue, ...]


@dataclass(frozen=True)
class Record:
    name: str
    doc: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Example:
    """A message that becomes a golden vector."""

    name: str
    kind: str  # "request", "result", "notification" or "error"
    id: int | None
    value: dict[str, Any]  # fields that are left out have their defaults
    body: str  # in hex, of an encoding that is valid but not what our encoders write; else empty


@dataclass(frozen=True)
class Method:
    name: str
    doc: str
    task: str  # "link" or "trainer"
    since: int  # the minor version that brought it
    params: tuple[Field, ...]
    result: tuple[Field, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Notification:
    name: str
    doc: str
    params: tuple[Field, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class ErrorType:
    name: str
    code: int
    doc: str
    advice: str
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Limit:
    name: str
    value: int
    doc: str


@dataclass(frozen=True)
class Schema:
    major: int
    minor: int
    limits: tuple[Limit, ...]
    enums: tuple[EnumType, ...]
    records: tuple[Record, ...]
    methods: tuple[Method, ...]
    notifications: tuple[Notification, ...]
    errors: tuple[ErrorType, ...]

    def record(self, name: str) -> Record:
        return next(record for record in self.records if record.name == name)

    def enum(self, name: str) -> EnumType:
        return next(enum for enum in self.enums if enum.name == name)

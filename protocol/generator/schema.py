"""The schema as values: what `protocol/ugpt.toml` says, read and checked.

`load` refuses a schema that contradicts itself, with one sentence that names the entry; the
emitters can therefore trust what they are given.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any

from . import checks
from .checks import SchemaError

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

    def limit(self, name: str) -> int:
        return next(limit.value for limit in self.limits if limit.name == name)

    def record(self, name: str) -> Record:
        return next(record for record in self.records if record.name == name)

    def enum(self, name: str) -> EnumType:
        return next(enum for enum in self.enums if enum.name == name)


def load(path: Path) -> Schema:
    """Reads and checks a schema; raises SchemaError."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except SchemaError as error:
        raise SchemaError(f"{path.name}: {error}") from None


def parse(text: str) -> Schema:
    """Builds a schema from TOML; raises SchemaError."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"not TOML: {error}") from None
    checks.keys(
        "the schema",
        tree,
        required={"protocol", "limits"},
        optional={"enums", "records", "methods", "notifications", "errors"},
    )
    checks.keys("protocol", tree["protocol"], required={"major", "minor"})
    enums = tuple(_enum(name, entry) for name, entry in tree.get("enums", {}).items())
    kinds = dict(SIMPLE_KINDS)
    for enum in enums:
        _define(kinds, enum.name, Kind.ENUM)
    records = []
    for name, entry in tree.get("records", {}).items():
        records.append(_record(name, entry, kinds))
        _define(kinds, name, Kind.RECORD)  # afterwards: a record contains earlier ones only
    schema = Schema(
        major=checks.integer("protocol.major", tree["protocol"]["major"], 0xFFFF),
        minor=checks.integer("protocol.minor", tree["protocol"]["minor"], 0xFFFF),
        limits=tuple(_limit(name, entry) for name, entry in tree["limits"].items()),
        enums=enums,
        records=tuple(records),
        methods=tuple(_method(n, e, kinds) for n, e in tree.get("methods", {}).items()),
        notifications=tuple(
            _notification(n, e, kinds) for n, e in tree.get("notifications", {}).items()
        ),
        errors=tuple(_error(name, entry) for name, entry in tree.get("errors", {}).items()),
    )
    checks.unique("error codes", [error.code for error in schema.errors])
    for enum in schema.enums:
        checks.unique(f"values of {enum.name}", [value.value for value in enum.values])
        checks.unique(f"names of {enum.name}", [value.name for value in enum.values])
    _check_defaults(schema)
    _check_since(schema)
    return schema


def _define(kinds: dict[str, Kind], name: str, kind: Kind) -> None:
    if name in kinds:
        raise SchemaError(f"{name} is defined twice")
    kinds[name] = kind


def _limit(name: str, entry: dict[str, Any]) -> Limit:
    where = f"limits.{name}"
    checks.keys(where, entry, required={"value", "doc"})
    checks.snake_case(where, name)
    return Limit(name, checks.integer(where, entry["value"], 0xFFFFFFFF), entry["doc"])


def _enum(name: str, entry: dict[str, Any]) -> EnumType:
    where = f"enums.{name}"
    checks.keys(where, entry, required={"doc", "values"})
    checks.pascal_case(where, name)
    values = []
    for value in entry["values"]:
        checks.keys(where, value, required={"name", "value", "doc"})
        checks.snake_case(where, value["name"])
        # The firmware keeps the known values as the bits of a word.
        number = checks.integer(f"{where}.{value['name']}", value["value"], 31)
        values.append(EnumValue(value["name"], number, value["doc"]))
    if not values:
        raise SchemaError(f"{where}: has no values")
    return EnumType(name, entry["doc"], tuple(values))


def _record(name: str, entry: dict[str, Any], kinds: dict[str, Kind]) -> Record:
    where = f"records.{name}"
    checks.keys(where, entry, required={"doc", "fields"})
    checks.pascal_case(where, name)
    return Record(name, entry["doc"], _fields(where, entry["fields"], kinds))


def _method(name: str, entry: dict[str, Any], kinds: dict[str, Kind]) -> Method:
    where = f"methods.{name}"
    checks.keys(where, entry, {"doc", "task", "params", "result"}, {"since", "examples"})
    checks.snake_case(where, name)
    if entry["task"] not in ("link", "trainer"):
        raise SchemaError(f'{where}: task is "link" or "trainer", not {entry["task"]!r}')
    return Method(
        name,
        entry["doc"],
        entry["task"],
        checks.integer(f"{where}.since", entry.get("since", 0), 0xFFFF),
        _fields(f"{where}.params", entry["params"], kinds),
        _fields(f"{where}.result", entry["result"], kinds),
        tuple(_example(where, example) for example in entry.get("examples", ())),
    )


def _notification(name: str, entry: dict[str, Any], kinds: dict[str, Kind]) -> Notification:
    where = f"notifications.{name}"
    checks.keys(where, entry, {"doc", "params"}, {"examples"})
    checks.snake_case(where, name)
    examples = tuple(_example(where, example) for example in entry.get("examples", ()))
    notified = tuple(dataclasses.replace(e, kind="notification", id=None) for e in examples)
    return Notification(name, entry["doc"], _fields(where, entry["params"], kinds), notified)


def _error(name: str, entry: dict[str, Any]) -> ErrorType:
    where = f"errors.{name}"
    checks.keys(where, entry, {"code", "doc", "advice"}, {"examples"})
    checks.snake_case(where, name)
    code = checks.integer(where, entry["code"], 0xFF)
    if code == 0:
        raise SchemaError(f"{where}: code 0 means that there is no error")
    examples = tuple(_error_example(where, name, e) for e in entry.get("examples", ()))
    return ErrorType(name, code, entry["doc"], entry["advice"], examples)


def _example(where: str, entry: dict[str, Any]) -> Example:
    where = f"{where}.examples.{entry.get('name', '?')}"
    kind = "result" if "result" in entry else "params"
    checks.keys(where, entry, {"name", kind}, {"id", "decode_only", "body"})
    if entry.get("decode_only", False) != ("body" in entry):
        raise SchemaError(f"{where}: `decode_only` and `body` go together")
    return Example(
        name=entry["name"],
        kind="result" if kind == "result" else "request",
        id=checks.integer(f"{where}.id", entry.get("id", 1), 0xFFFFFFFF),
        value=entry[kind],
        body=entry.get("body", ""),
    )


def _error_example(where: str, error: str, entry: dict[str, Any]) -> Example:
    where = f"{where}.examples.{entry.get('name', '?')}"
    checks.keys(where, entry, {"name", "message", "detail"}, {"id"})
    number = checks.integer(f"{where}.id", entry.get("id", 1), 0xFFFFFFFF)
    value = {"code": error, "message": entry["message"], "detail": entry["detail"]}
    return Example(entry["name"], "error", number, value, body="")


def _fields(where: str, entries: list[dict[str, Any]], kinds: dict[str, Kind]) -> tuple[Field, ...]:
    fields = tuple(_field(where, entry, kinds) for entry in entries)
    checks.unique(f"fields of {where}", [field.name for field in fields])
    for field in fields:
        if field.since and field.required:
            raise SchemaError(f"{where}.{field.name}: was added later and needs a default")
    for earlier, later in pairwise(fields):
        if later.required and not earlier.required:
            raise SchemaError(
                f"{where}.{later.name}: needs a default, since {earlier.name} before it has one"
            )
        if later.since < earlier.since:
            raise SchemaError(f"{where}.{later.name}: fields are appended, so its `since` is wrong")
    return fields


def _field(where: str, entry: dict[str, Any], kinds: dict[str, Kind]) -> Field:
    where = f"{where}.{entry.get('name', '?')}"
    checks.keys(
        where,
        entry,
        required={"name", "type", "doc"},
        optional={"min", "max", "max_bytes", "max_items", "default", "optional", "since"},
    )
    checks.snake_case(where, entry["name"])
    kind = kinds.get(entry["type"])
    if kind is None:
        raise SchemaError(f"{where}: no such type (defined before it): {entry['type']}")
    _check_bounds(where, entry, kind)
    return Field(
        name=entry["name"],
        type=entry["type"],
        kind=kind,
        doc=entry["doc"],
        minimum=entry.get("min"),
        maximum=entry.get("max"),
        max_bytes=entry.get("max_bytes", 0),
        max_items=entry.get("max_items", 0),
        default=entry.get("default"),
        optional=entry.get("optional", False),
        since=checks.integer(f"{where}.since", entry.get("since", 0), 0xFFFF),
    )


def _check_bounds(where: str, entry: dict[str, Any], kind: Kind) -> None:
    allowed = {
        Kind.INTEGER: {"min", "max", "default", "optional"},
        Kind.F32: {"min", "max", "default", "optional"},
        Kind.BOOL: {"default", "optional"},
        Kind.ENUM: {"default", "optional"},
        Kind.STR: {"max_bytes", "default", "optional"},
        Kind.BIN: {"max_bytes", "default", "optional"},
        Kind.U32_ARRAY: {"max_items", "default"},
        Kind.BIN_ARRAY: {"max_items", "max_bytes"},
        Kind.RECORD: set[str](),
    }[kind]
    if entry["type"] == "u64":
        allowed = {"default", "optional"}  # the tables of the firmware hold bounds of four bytes
    for key in ("min", "max", "max_bytes", "max_items", "default", "optional"):
        if key in entry and key not in allowed:
            raise SchemaError(f"{where}: a {entry['type']} has no `{key}`")
    if entry.get("optional", True) is not True:
        raise SchemaError(f"{where}: `optional` is true or left out")
    if "optional" in entry and "default" in entry:
        raise SchemaError(f"{where}: the default of an optional field is nil")
    for key in allowed & {"max_bytes", "max_items"}:
        if checks.integer(f"{where}.{key}", entry.get(key), 0xFFFF) == 0:
            raise SchemaError(f"{where}: `{key}` must be above 0")
    low: float
    high: float
    if kind is Kind.INTEGER:
        highest = 2 ** INTEGER_BITS[entry["type"]] - 1
        low = checks.integer(f"{where}.min", entry.get("min", 0), highest)
        high = checks.integer(f"{where}.max", entry.get("max", highest), highest)
        if "default" in entry:
            checks.integer(f"{where}.default", entry["default"], highest)
    elif kind is Kind.F32:
        if ("min" in entry) != ("max" in entry):
            raise SchemaError(f"{where}: an f32 has both `min` and `max`, or neither")
        low = checks.number(f"{where}.min", entry.get("min", 0.0))
        high = checks.number(f"{where}.max", entry.get("max", 0.0))
        if "default" in entry:
            checks.number(f"{where}.default", entry["default"])
    else:
        return
    if low > high:
        raise SchemaError(f"{where}: min is above max")
    bounded = kind is Kind.INTEGER or "min" in entry
    if bounded and not low <= entry.get("default", low) <= high:
        raise SchemaError(f"{where}: the default lies outside the range")


def _check_defaults(schema: Schema) -> None:
    lists = [(record.name, record.fields) for record in schema.records]
    lists += [(method.name, method.params) for method in schema.methods]
    lists += [(method.name, method.result) for method in schema.methods]
    lists += [(note.name, note.params) for note in schema.notifications]
    for where, fields in lists:
        for field in fields:
            if field.default is None:
                continue
            place = f"{where}.{field.name}"
            if field.kind is Kind.BOOL and not isinstance(field.default, bool):
                raise SchemaError(f"{place}: the default of a bool is true or false")
            if field.kind in (Kind.BIN, Kind.U32_ARRAY) and field.default not in ("", []):
                raise SchemaError(f"{place}: the default of a {field.type} is empty")
            if field.kind is Kind.STR and not isinstance(field.default, str):
                raise SchemaError(f"{place}: the default of a str is a string")
            if field.kind is Kind.ENUM and field.default not in {
                value.name for value in schema.enum(field.type).values
            }:
                raise SchemaError(f"{place}: {field.type} has no value {field.default!r}")


def _check_since(schema: Schema) -> None:
    lists = [(record.name, record.fields) for record in schema.records]
    lists += [(f"methods.{m.name}", (*m.params, *m.result)) for m in schema.methods]
    latest = [(f"{where}.{field.name}", field.since) for where, fields in lists for field in fields]
    for where, since in [*latest, *((f"methods.{m.name}", m.since) for m in schema.methods)]:
        if since > schema.minor:
            raise SchemaError(f"{where}: since minor {since}, but the schema's is {schema.minor}")

"""Reads `protocol/ugpt.toml`.

`load` refuses a schema that contradicts itself, with one sentence that names the entry; the
emitters can therefore trust what they are given.
"""

from __future__ import annotations

import dataclasses
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

from . import checks, consistency
from .checks import SchemaError
from .schema import (
    SIMPLE_KINDS,
    EnumType,
    EnumValue,
    ErrorType,
    Example,
    Field,
    Kind,
    Limit,
    Method,
    Notification,
    Record,
    Schema,
)


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
    consistency.check_schema(schema)
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
    consistency.check_bounds(where, entry, kind)
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

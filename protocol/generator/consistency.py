"""Whether the entries of a schema agree with each other; each check raises SchemaError."""

from __future__ import annotations

from typing import Any

from . import checks
from .checks import SchemaError
from .schema import INTEGER_BITS, Kind, Schema


def check_schema(schema: Schema) -> None:
    """What can only be checked once the whole schema is read."""
    checks.unique("error codes", [error.code for error in schema.errors])
    for enum in schema.enums:
        checks.unique(f"values of {enum.name}", [value.value for value in enum.values])
        checks.unique(f"names of {enum.name}", [value.name for value in enum.values])
    _check_defaults(schema)
    _check_since(schema)


def check_bounds(where: str, entry: dict[str, Any], kind: Kind) -> None:
    """What an entry of a field says of its values."""
    _check_keys(where, entry, kind)
    if kind is Kind.INTEGER:
        _check_integers(where, entry)
    elif kind is Kind.F32:
        _check_floats(where, entry)


def _check_keys(where: str, entry: dict[str, Any], kind: Kind) -> None:
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


def _check_integers(where: str, entry: dict[str, Any]) -> None:
    highest = 2 ** INTEGER_BITS[entry["type"]] - 1
    low = checks.integer(f"{where}.min", entry.get("min", 0), highest)
    high = checks.integer(f"{where}.max", entry.get("max", highest), highest)
    default = checks.integer(f"{where}.default", entry.get("default", low), highest)
    _check_range(where, low, default, high)


def _check_floats(where: str, entry: dict[str, Any]) -> None:
    if ("min" in entry) != ("max" in entry):
        raise SchemaError(f"{where}: an f32 has both `min` and `max`, or neither")
    default = checks.number(f"{where}.default", entry.get("default", entry.get("min", 0.0)))
    if "min" in entry:
        low = checks.number(f"{where}.min", entry["min"])
        _check_range(where, low, default, checks.number(f"{where}.max", entry["max"]))


def _check_range(where: str, low: float, default: float, high: float) -> None:
    if low > high:
        raise SchemaError(f"{where}: min is above max")
    if not low <= default <= high:
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

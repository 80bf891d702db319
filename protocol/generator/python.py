"""Writes the Python messages: `host/ugpt/rpc/messages.py`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from .cpp import pascal, string_literal
from .schema import EnumType, Field, Kind, Method, Record, Schema

HEADER = '''\
# Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
"""The protocol as data: enums, records, and for each method a row of `METHODS` and a typed call.

`codec` interprets the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from .schema import Call, Field, Layout, Task, method, table

'''

LINE = 100


def module(schema: Schema) -> str:
    """The text of messages.py."""
    parts = [HEADER + _constants(schema)]
    parts += [_enum(enum) for enum in schema.enums]
    parts += [_errors(schema)]
    for record in schema.records:
        parts.append(_class(record.name, record.doc, record.fields))
        parts.append(_layout(record))
    for method in schema.methods:
        if len(method.result) > 1:
            doc = f"What `{method.name}` returns."
            parts.append(_class(f"{pascal(method.name)}Result", doc, method.result))
    for note in schema.notifications:
        parts.append(_class(pascal(note.name), note.doc, note.params))
    parts += [_records(schema), _methods(schema), _notifications(schema)]
    parts += [_call(method) for method in schema.methods]
    return "\n\n".join(parts)


# Text


def _block(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def _doc(text: str, indent: str = "    ") -> list[str]:
    line = f'{indent}"""{text}"""'
    if len(line) <= LINE:
        return [line]
    wrapped = textwrap.wrap(text, LINE - len(indent) - 3)
    return [f'{indent}"""{wrapped[0]}', *(indent + rest for rest in wrapped[1:]), f'{indent}"""']


class _Node(NamedTuple):
    """A call or a tuple, to be laid out."""

    opening: str
    items: Sequence[_Node | str]

    def __str__(self) -> str:
        comma = "," if self.opening == "(" and len(self.items) == 1 else ""
        return f"{self.opening}{', '.join(map(str, self.items))}{comma})"


def _laid_out(node: _Node | str, indent: str = "", end: str = "") -> list[str]:
    """On one line if it fits, else each item on lines of its own, as ruff has it."""
    line = f"{indent}{node}{end}"
    if isinstance(node, str) or len(line) <= LINE:
        return [line]
    inner = [line for item in node.items for line in _laid_out(item, f"{indent}    ", ",")]
    return [f"{indent}{node.opening}", *inner, f"{indent}){end}"]


# Constants, enums and errors


def _constants(schema: Schema) -> str:
    lines = [f"PROTOCOL_MAJOR = {schema.major}", f"PROTOCOL_MINOR = {schema.minor}", ""]
    for limit in schema.limits:
        lines.append(f"{limit.name.upper()} = {limit.value}")
        lines += _doc(limit.doc, "")
    return _block(lines)


def _enum(enum: EnumType) -> str:
    lines = [f"class {enum.name}(IntEnum):", *_doc(enum.doc), ""]
    for value in enum.values:
        lines.append(f"    {value.name.upper()} = {value.value}")
        lines += _doc(value.doc)
    return _block(lines)


def _errors(schema: Schema) -> str:
    lines = ["class ErrorCode(IntEnum):", '    """Why a device refused a request."""', ""]
    lines += [f"    {error.name.upper()} = {error.code}" for error in schema.errors]
    lines += [
        "",
        "",
        "class ErrorText(NamedTuple):",
        '    """What an error means, and what the user can do about it."""',
        "",
        "    doc: str",
        "    advice: str",
        "",
        "",
        "ERRORS: dict[int, ErrorText] = {",
    ]
    for error in schema.errors:
        lines.append(f"    ErrorCode.{error.name.upper()}: ErrorText(")
        lines += [*_text(error.doc), *_text(error.advice), "    ),"]
    lines.append("}")
    return _block(lines)


def _text(text: str) -> list[str]:
    line = f"        {string_literal(text)},"
    if len(line) <= LINE:
        return [line]
    pieces = textwrap.wrap(text, 84, drop_whitespace=False)
    first, *rest = [f"        {string_literal(piece)}" for piece in pieces]
    return [first, *rest[:-1], f"{rest[-1]},"]


# Records


def _class(name: str, doc: str, fields: Sequence[Field]) -> str:
    lines = ["@dataclass(frozen=True, slots=True)", f"class {name}:", *_doc(doc), ""]
    for field in fields:
        lines.append(f"    {field.name}: {_type(field)}{_assigned(field)}")
        lines += _doc(field.doc)
    return _block(lines)


def _type(field: Field) -> str:
    return f"{_value_type(field)} | None" if field.optional else _value_type(field)


def _value_type(field: Field) -> str:
    names = {
        Kind.BOOL: "bool",
        Kind.INTEGER: "int",
        Kind.F32: "float",
        Kind.STR: "str",
        Kind.BIN: "bytes",
        Kind.U32_ARRAY: "tuple[int, ...]",
        Kind.BIN_ARRAY: "tuple[bytes, ...]",
    }
    return names.get(field.kind, field.type)


def _default(field: Field) -> str | None:
    if field.optional:
        return "None"
    if field.default is None:
        return None
    if field.kind is Kind.U32_ARRAY:
        return "()"
    if field.kind is Kind.BIN:
        return 'b""'
    if field.kind is Kind.STR:
        return string_literal(str(field.default))
    if field.kind is Kind.ENUM:
        return f"{field.type}.{str(field.default).upper()}"
    return repr(float(field.default)) if field.kind is Kind.F32 else repr(field.default)


def _assigned(field: Field) -> str:
    default = _default(field)
    return "" if default is None else f" = {default}"


def _constant_name(record: str) -> str:
    """Name of the layout of a record: MODEL_INFO for ModelInfo."""
    return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(record)).upper()


def _layout(record: Record) -> str:
    layout = _Node(
        f"{_constant_name(record.name)} = Layout(",
        [f'"{record.name}"', _rows(record.fields), record.name],
    )
    return _block(_laid_out(layout))


def _rows(fields: Sequence[Field]) -> _Node:
    return _Node("(", [_row(field) for field in fields])


def _row(field: Field) -> str:
    arguments = [f'"{field.name}"', _row_type(field)]
    low, high = field.minimum, field.maximum
    if low is not None and high is not None:
        arguments += [_number(field, low), _number(field, high)]
    elif low is not None:
        arguments.append(_number(field, low))
    elif high is not None:
        arguments.append(f"most={_number(field, high)}")
    if field.max_bytes:
        arguments.append(f"most={field.max_bytes}")
    if field.max_items:
        arguments.append(f"items={field.max_items}")
    default = _default(field)
    if default is not None:
        arguments.append(f"default={default}")
    if field.optional:
        arguments.append("optional=True")
    if field.since:
        arguments.append(f"since={field.since}")
    return f"Field({', '.join(arguments)})"


def _row_type(field: Field) -> str:
    if field.kind is Kind.RECORD:
        return _constant_name(field.type)
    return field.type if field.kind is Kind.ENUM else f'"{field.type}"'


def _number(field: Field, value: float) -> str:
    return repr(float(value)) if field.kind is Kind.F32 else f"{int(value)}"


def _records(schema: Schema) -> str:
    lines = ["RECORDS: dict[type, Layout] = {"]
    lines += [f"    {record.name}: {_constant_name(record.name)}," for record in schema.records]
    return _block([*lines, "}"])


# Methods


def _methods(schema: Schema) -> str:
    lines = ["METHODS = table("]
    for method in schema.methods:
        lines += _method(method)
    return _block([*lines, ")"])


def _method(method: Method) -> list[str]:
    items = [f'"{method.name}"', f"Task.{method.task.upper()}"]
    rest = [f"make={pascal(method.name)}Result"] if len(method.result) > 1 else []
    rest += [f"since={method.since}"] if method.since else []
    row = _Node("method(", [*items, _rows(method.params), _rows(method.result), *rest])
    return _laid_out(row, "    ", ",")


def _notifications(schema: Schema) -> str:
    lines = ["NOTIFICATIONS: dict[str, Layout] = {"]
    for note in schema.notifications:
        items = [f'"a {note.name} notification"', _rows(note.params), pascal(note.name)]
        lines += _laid_out(_Node(f'"{note.name}": Layout(', items), "    ", ",")
    return _block([*lines, "}"])


def _call(method: Method) -> str:
    takes = [
        f"{field.name}: {'Sequence[bytes]' if field.kind is Kind.BIN_ARRAY else _type(field)}"
        f"{_assigned(field)}"
        for field in method.params
    ]
    match len(method.result):
        case 0:
            result = "None"
        case 1:
            result = _type(method.result[0])
        case _:
            result = f"{pascal(method.name)}Result"
    lines = _signature(method.name, takes, result)
    lines += _doc(method.doc)
    given = _Node("(", [field.name for field in method.params])
    lines += _laid_out(_Node("return Call(", [f'METHODS["{method.name}"]', given]), "    ")
    return _block(lines)


def _signature(name: str, takes: Sequence[str], result: str) -> list[str]:
    line = f"def {name}({', '.join(takes)}) -> Call[{result}]:"
    if len(line) <= LINE:
        return [line]
    together = f"    {', '.join(takes)}"
    if len(together) <= LINE:
        return [f"def {name}(", together, f") -> Call[{result}]:"]
    return [f"def {name}(", *(f"    {one}," for one in takes), f") -> Call[{result}]:"]

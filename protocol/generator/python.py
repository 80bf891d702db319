"""Writes the Python messages: `host/ugpt/rpc/messages.py`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from .cpp import pascal
from .schema import EnumType, Field, Kind, Schema

HEADER = '''\
# Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
"""Every message of the protocol as a value.

`to_wire` gives the positional array that goes into a body and raises InvalidValue for a field
outside its range; `from_wire` reads one and raises ProtocolError.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from . import codec
from .codec import FieldReader, Request

'''


def module(schema: Schema) -> str:
    """The text of messages.py."""
    parts = [HEADER + _constants(schema)]
    parts += [_enum(enum) for enum in schema.enums]
    parts += [_errors(schema), _advice(schema)]
    parts += [_class(record.name, record.doc, record.fields, schema) for record in schema.records]
    for method in schema.methods:
        result, request = f"{pascal(method.name)}Result", f"{pascal(method.name)}Request"
        parts.append(_class(result, f"What `{method.name}` returns.", method.result, schema))
        constants = [
            f'METHOD: ClassVar[str] = "{method.name}"',
            f"RESULT: ClassVar[type[{result}]] = {result}",
        ]
        parts.append(
            _class(request, method.doc, method.params, schema, f"Request[{result}]", constants)
            + _decode_result(result)
        )
    for note in schema.notifications:
        constants = [f'NAME: ClassVar[str] = "{note.name}"']
        name = f"{pascal(note.name)}Notification"
        parts.append(_class(name, note.doc, note.params, schema, constants=constants))
    parts += [_table(schema)]
    return "\n\n".join(parts)


def _doc(text: str, indent: str = "    ") -> list[str]:
    line = f'{indent}"""{text}"""'
    if len(line) <= 100:
        return [line]
    wrapped = textwrap.wrap(text, 100 - len(indent) - 3)
    return [f'{indent}"""{wrapped[0]}', *(indent + rest for rest in wrapped[1:]), f'{indent}"""']


def _block(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


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
    for error in schema.errors:
        lines.append(f"    {error.name.upper()} = {error.code}")
        lines += _doc(error.doc)
    return _block(lines)


def _advice(schema: Schema) -> str:
    lines = ["ERROR_DOC: dict[ErrorCode, str] = {"]
    for error in schema.errors:
        lines += _entry(error.name, error.doc)
    lines += ["}", '"""What an error means."""', "", "ERROR_ADVICE: dict[ErrorCode, str] = {"]
    for error in schema.errors:
        lines += _entry(error.name, error.advice)
    lines += ["}", '"""What the user can do about an error."""']
    return _block(lines)


def _entry(name: str, text: str) -> list[str]:
    line = f"    ErrorCode.{name.upper()}: {_string(text)},"
    if len(line) <= 100:
        return [line]
    pieces = textwrap.wrap(text, 90, drop_whitespace=False)
    quoted = [f"        {_string(piece)}" for piece in pieces]
    return [f"    ErrorCode.{name.upper()}: (", *quoted, "    ),"]


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _class(
    name: str,
    doc: str,
    fields: Sequence[Field],
    schema: Schema,
    base: str = "",
    constants: Sequence[str] = (),
) -> str:
    lines = [
        "@dataclass(frozen=True, slots=True)",
        f"class {name}({base}):" if base else f"class {name}:",
        *_doc(doc),
        "",
    ]
    if constants:
        lines += [*(f"    {constant}" for constant in constants), ""]
    for field in fields:
        default = "" if field.default is None else f" = {_constant(field)}"
        lines.append(f"    {field.name}: {_type(field)}{default}")
        lines += _doc(field.doc)
    if fields:
        lines.append("")
    lines += [*_to_wire(fields), "", *_from_wire(name, fields)]
    return _block(lines)


def _type(field: Field) -> str:
    match field.kind:
        case Kind.ENUM | Kind.RECORD:
            return field.type
        case Kind.U32_ARRAY:
            return "tuple[int, ...]"
        case Kind.BIN_ARRAY:
            return "tuple[bytes, ...]"
    names = {Kind.BOOL: "bool", Kind.INTEGER: "int", Kind.F32: "float", Kind.STR: "str"}
    return names.get(field.kind, "bytes")


def _constant(field: Field) -> str:
    if field.kind is Kind.STR:
        return _string(str(field.default))
    if field.kind is Kind.ENUM:
        return f"{field.type}.{str(field.default).upper()}"
    return repr(float(field.default or 0)) if field.kind is Kind.F32 else repr(field.default)


def _bounds(field: Field) -> list[str]:
    low, high = field.minimum, field.maximum
    match field.kind:
        case Kind.INTEGER:
            return [str(low or 0), str(2**field.bits - 1 if high is None else high)]
        case Kind.F32 if low is not None and high is not None:
            return [repr(float(low)), repr(float(high))]
        case Kind.STR | Kind.BIN:
            return [str(field.max_bytes)]
        case Kind.U32_ARRAY:
            return [str(field.max_items)]
        case Kind.BIN_ARRAY:
            return [str(field.max_items), str(field.max_bytes)]
    return []


FUNCTIONS = {
    Kind.BOOL: "boolean",
    Kind.INTEGER: "integer",
    Kind.F32: "f32",
    Kind.STR: "string",
    Kind.BIN: "binary",
    Kind.U32_ARRAY: "integers",
    Kind.BIN_ARRAY: "binaries",
    Kind.ENUM: "enum",
    Kind.RECORD: "record",
}


def _to_wire(fields: Sequence[Field]) -> list[str]:
    lines = ["    def to_wire(self) -> list[object]:"]
    if not fields:
        return [*lines, "        return []"]
    lines.append("        return [")
    for field in fields:
        value = f"self.{field.name}"
        if field.kind is Kind.RECORD:
            lines.append(f"            {value}.to_wire(),")
        else:
            arguments = ", ".join([f'"{field.name}"', value, *_bounds(field)])
            lines.append(f"            codec.{FUNCTIONS[field.kind]}({arguments}),")
    return [*lines, "        ]"]


def _from_wire(name: str, fields: Sequence[Field]) -> list[str]:
    lines = ["    @classmethod", f"    def from_wire(cls, value: object) -> {name}:"]
    if not fields:
        return [*lines, f'        FieldReader("{name}", value)', "        return cls()"]
    lines += [f'        fields = FieldReader("{name}", value)', "        return cls("]
    for field in fields:
        arguments = [f'"{field.name}"']
        if field.kind is Kind.ENUM:
            arguments.append(field.type)
        if field.kind is Kind.RECORD:
            arguments.append(f"{field.type}.from_wire")
        arguments += _bounds(field)
        if field.default is not None:
            arguments.append(f"default={_constant(field)}")
        call = f"fields.{FUNCTIONS[field.kind]}({', '.join(arguments)})"
        lines.append(f"            {field.name}={call},")
    return [*lines, "        )"]


def _decode_result(result: str) -> str:
    return _block(
        [
            "",
            f"    def decode_result(self, value: object) -> {result}:",
            f"        return {result}.from_wire(value)",
        ]
    )


def _table(schema: Schema) -> str:
    lines = ["TRAINER_METHODS: frozenset[str] = frozenset(", "    {"]
    lines += [f'        "{m.name}",' for m in schema.methods if m.task == "trainer"]
    lines += ["    }", ")"]
    lines += _doc(
        "Methods answered between two training steps; the others are answered at once.", ""
    )
    return _block(lines)

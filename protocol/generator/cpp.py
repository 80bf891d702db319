"""Writes the C++ messages: `device/src/rpc/messages.h` and `messages.cpp`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from .schema import EnumType, Field, Kind, Schema

HEADER = """\
// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
//
// Every message as a struct, for `decode` and `encode` of codec.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rpc/codec.h"

namespace ugpt::rpc {
"""

SOURCE = """\
// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
#include "rpc/messages.h"

#include <cstddef>

// The row of a member.
#define UGPT_FIELD(Struct, member, ...) \\
    field<decltype(Struct::member)>(#member, offsetof(Struct, member) __VA_OPT__(, ) __VA_ARGS__)

namespace ugpt::rpc {
"""

FOOTER = "\n}  // namespace ugpt::rpc\n"

FIND = """\

std::optional<Method> find_method(std::string_view name) {
    for (std::size_t i = 0; i < kMethods.size(); ++i) {
        if (kMethods[i] == name) {
            return static_cast<Method>(i);
        }
    }
    return std::nullopt;
}
"""


def pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def header(schema: Schema) -> str:
    """The text of messages.h."""
    parts = [HEADER, _constants(schema)]
    parts += [_enum(enum) for enum in schema.enums]
    parts += [_errors(schema), _methods(schema)]
    parts += [_struct(record.name, record.doc, record.fields, schema) for record in schema.records]
    for method in schema.methods:
        result, params = f"{pascal(method.name)}Result", f"{pascal(method.name)}Params"
        parts.append(_struct(result, f"What `{method.name}` returns.", method.result, schema))
        extras = [
            f"static constexpr Method kMethod = Method::{method.name};",
            f"using Result = {result};",
        ]
        parts.append(_struct(params, method.doc, method.params, schema, extras))
    for note in schema.notifications:
        name = f"{pascal(note.name)}Notification"
        extras = [f'static constexpr std::string_view kName = "{note.name}";']
        parts.append(_struct(name, note.doc, note.params, schema, extras))
    return "\n".join(parts) + FOOTER


def source(schema: Schema) -> str:
    """The text of messages.cpp."""
    parts = [SOURCE + "\n" + _error_text(schema) + FIND]
    parts += [_layout(name, fields) for name, fields in messages(schema)]
    return "\n".join(parts) + FOOTER


def messages(schema: Schema) -> list[tuple[str, Sequence[Field]]]:
    """Struct name and fields of everything that is encoded."""
    found: list[tuple[str, Sequence[Field]]] = [(r.name, r.fields) for r in schema.records]
    for method in schema.methods:
        found.append((f"{pascal(method.name)}Result", method.result))
        found.append((f"{pascal(method.name)}Params", method.params))
    found += [(f"{pascal(note.name)}Notification", note.params) for note in schema.notifications]
    return found


def message_list(schema: Schema) -> str:
    """The text of every_message.inc."""
    lines = ["// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit."]
    return _block([*lines, *(f"UGPT_MESSAGE({name})" for name, _ in messages(schema))])


def _comment(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 100, initial_indent=f"{indent}// ", subsequent_indent=f"{indent}// ")


def _block(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _constants(schema: Schema) -> str:
    lines = [
        f"inline constexpr std::uint16_t kProtocolMajor = {schema.major};",
        f"inline constexpr std::uint16_t kProtocolMinor = {schema.minor};",
        "",
    ]
    for limit in schema.limits:
        lines += _comment(limit.doc)
        lines.append(f"inline constexpr std::uint32_t k{pascal(limit.name)} = {limit.value};")
    return _block(lines)


def _enum(enum: EnumType) -> str:
    lines = [*_comment(enum.doc), f"enum class {enum.name} : std::uint8_t {{"]
    for value in enum.values:
        lines += _comment(value.doc, "    ")
        lines.append(f"    {value.name} = {value.value},")
    known = sum(1 << value.value for value in enum.values)
    lines += [
        "};",
        "template <>",
        f"inline constexpr std::uint32_t kKnownValues<{enum.name}> = {known:#x};",
    ]
    return _block(lines)


def _errors(schema: Schema) -> str:
    lines = ["// Why a request was refused.", "enum class ErrorCode : std::uint8_t {"]
    lines += [
        "    // Nothing was refused; never on the wire as the error of a response.",
        "    none = 0,",
    ]
    for error in schema.errors:
        lines += _comment(error.doc, "    ")
        lines.append(f"    {error.name} = {error.code},")
    lines += [
        "};",
        "// One sentence about the error; empty for `none`.",
        "[[nodiscard]] std::string_view error_text(ErrorCode code);",
    ]
    return _block(lines)


def _error_text(schema: Schema) -> str:
    lines = ["std::string_view error_text(ErrorCode code) {", "    switch (code) {"]
    lines += ["        case ErrorCode::none:", "            return {};"]
    for error in schema.errors:
        text = string_literal(error.doc)
        lines.append(f"        case ErrorCode::{error.name}:")
        if len(text) <= 80:
            lines.append(f"            return {text};")
        else:
            pieces = textwrap.wrap(error.doc, 76, drop_whitespace=False)
            lines.append("            return")
            quoted = [f"                {string_literal(piece)}" for piece in pieces]
            lines.append("\n".join(quoted) + ";")
    lines += ["    }", "    return {};", "}"]
    return _block(lines)


def string_literal(text: str) -> str:
    """As C++ and Python both write it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _methods(schema: Schema) -> str:
    lines = [
        "// Numbered as in the table below; on the wire a method goes by its name.",
        "enum class Method : std::uint8_t {",
        *(f"    {method.name}," for method in schema.methods),
        "};",
        f"inline constexpr std::array<std::string_view, {len(schema.methods)}> kMethods{{",
        *(f'    "{method.name}",' for method in schema.methods),
        "};",
        "",
        "[[nodiscard]] constexpr std::string_view method_name(Method method) {",
        "    return kMethods[static_cast<std::size_t>(method)];",
        "}",
        "[[nodiscard]] std::optional<Method> find_method(std::string_view name);",
    ]
    return _block(lines)


def _struct(
    name: str, doc: str, fields: Sequence[Field], schema: Schema, extras: Sequence[str] = ()
) -> str:
    lines = [*_comment(doc), f"struct {name} {{"]
    lines += [f"    {extra}" for extra in extras]
    lines.append("    static const Layout kLayout;")
    if fields:
        lines.append("")
    for field in fields:
        lines += _comment(f"{field.doc}{_range_note(field)}", "    ")
        lines.append(f"    {_type(field)} {field.name}{_initialiser(field)};")
    if fields and _comparable(fields, schema):
        lines += ["", f"    bool operator==(const {name}&) const = default;"]
    return _block([*lines, "};"])


def _range_note(field: Field) -> str:
    low, high = field.minimum, field.maximum
    if field.kind is Kind.BIN_ARRAY:
        return f" (At most {field.max_items} items of at most {field.max_bytes} bytes.)"
    if field.kind is Kind.U32_ARRAY:
        return f" (At most {field.max_items}.)"
    if field.max_bytes:
        return f" (At most {field.max_bytes} bytes.)"
    if low is not None and high is not None:
        return f" ({low} to {high}.)"
    if low is not None:
        return f" (At least {low}.)"
    return f" (At most {high}.)" if high is not None else ""


def _comparable(fields: Sequence[Field], schema: Schema) -> bool:
    simple = (Kind.BOOL, Kind.INTEGER, Kind.F32, Kind.ENUM)
    return all(
        field.kind in simple
        or (field.kind is Kind.RECORD and _comparable(schema.record(field.type).fields, schema))
        for field in fields
    )


def _type(field: Field) -> str:
    return f"Optional<{_value_type(field)}>" if field.optional else _value_type(field)


def _value_type(field: Field) -> str:
    match field.kind:
        case Kind.INTEGER:
            return f"std::uint{field.bits}_t"
        case Kind.BOOL:
            return "bool"
        case Kind.F32:
            return "float"
        case Kind.STR:
            return "std::string_view"
        case Kind.BIN:
            return "std::span<const std::uint8_t>"
        case Kind.U32_ARRAY:
            return f"SmallArray<std::uint32_t, {field.max_items}>"
        case Kind.BIN_ARRAY:
            return "BinArray"
    return field.type


def _initialiser(field: Field) -> str:
    if field.optional or field.default in ("", []):
        return "{}"
    if field.default is not None:
        return f" = {_constant(field)}"
    return {Kind.INTEGER: " = 0", Kind.BOOL: " = false", Kind.F32: " = 0.0f"}.get(field.kind, "{}")


def _constant(field: Field) -> str:
    match field.kind:
        case Kind.BOOL:
            return "true" if field.default else "false"
        case Kind.F32:
            return float_literal(float(field.default or 0.0))
        case Kind.STR:
            return string_literal(str(field.default))
        case Kind.ENUM:
            return f"{field.type}::{field.default}"
    return str(field.default)


def float_literal(value: float) -> str:
    text = repr(value)
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"


def _layout(name: str, fields: Sequence[Field]) -> str:
    if not fields:
        return f"constinit const Layout {name}::kLayout{{}};\n"
    required = sum(field.required for field in fields)
    rows = f"k{name}Fields"
    lines = [f"static constexpr Field {rows}[]{{"]
    lines += [f"    UGPT_FIELD({', '.join([name, f.name, *_limits(f)])})," for f in fields]
    lines += ["};", f"constinit const Layout {name}::kLayout{{{rows}, {required}}};"]
    return _block(lines)


def _limits(field: Field) -> list[str]:
    low, high = field.minimum, field.maximum
    if low is not None or high is not None:
        if high is None:
            high = 2**field.bits - 1
        return [f"range({_number(field, low or 0)}, {_number(field, high)})"]
    if field.max_items:
        each = f", {field.max_bytes}" if field.max_bytes else ""
        return [f"max_items({field.max_items}{each})"]
    return [f"max_bytes({field.max_bytes})"] if field.max_bytes else []


def _number(field: Field, value: float) -> str:
    return float_literal(float(value)) if field.kind is Kind.F32 else f"{int(value)}u"

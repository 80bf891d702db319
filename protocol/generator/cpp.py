"""Writes the C++ messages: `device/src/rpc/messages.h` and `messages.cpp`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from .schema import EnumType, Field, Kind, Schema

HEADER = """\
// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
//
// Every message as a struct with `decode` and `encode`. Text and bytes are views into the decoded
// body, which must outlive them. `decode` returns false when a field is missing, has the wrong
// type or lies outside its range, and then says which in `error`; `out` is undefined after that.
// `encode` does not check ranges; a body that does not fit shows in `writer.ok()`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rpc/arrays.h"
#include "rpc/fields.h"
#include "rpc/msgpack.h"

namespace ugpt::rpc {
"""

SOURCE = """\
// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
#include "rpc/messages.h"

namespace ugpt::rpc {
"""

FOOTER = "\n}  // namespace ugpt::rpc\n"

FIND = """\
std::optional<Method> find_method(std::string_view name) {
    for (std::size_t i = 0; i < kMethods.size(); ++i) {
        if (kMethods[i].name == name) {
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
    parts = [SOURCE + "\n" + _error_text(schema), FIND]
    for name, fields in messages(schema):
        parts.append(_decode(name, fields))
        parts.append(_encode(name, fields))
    return "\n".join(parts) + FOOTER


def messages(schema: Schema) -> list[tuple[str, Sequence[Field]]]:
    """Struct name and fields of everything that is encoded."""
    found: list[tuple[str, Sequence[Field]]] = [(r.name, r.fields) for r in schema.records]
    for method in schema.methods:
        found.append((f"{pascal(method.name)}Result", method.result))
        found.append((f"{pascal(method.name)}Params", method.params))
    found += [(f"{pascal(note.name)}Notification", note.params) for note in schema.notifications]
    return found


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
    cases = [f"        case {enum.name}::{value.name}:" for value in enum.values]
    lines += [
        "};",
        f"[[nodiscard]] constexpr bool is_known({enum.name} value) {{",
        "    switch (value) {",
        *cases,
        "            return true;",
        "    }",
        "    return false;",
        "}",
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
        text = cpp_string(error.doc)
        lines.append(f"        case ErrorCode::{error.name}:")
        if len(text) <= 80:
            lines.append(f"            return {text};")
        else:
            pieces = textwrap.wrap(error.doc, 76, drop_whitespace=False)
            lines.append("            return")
            quoted = [f"                {cpp_string(piece)}" for piece in pieces]
            lines.append("\n".join(quoted) + ";")
    lines += ["    }", "    return {};", "}"]
    return _block(lines)


def cpp_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _methods(schema: Schema) -> str:
    lines = [
        "// Which task answers: the link task at once, or the trainer between two steps.",
        "enum class Task : std::uint8_t { link, trainer };",
        "",
        "// Numbered as in the table below; on the wire a method goes by its name.",
        "enum class Method : std::uint8_t {",
    ]
    lines += [f"    {method.name}," for method in schema.methods]
    lines += [
        "};",
        "",
        "struct MethodInfo {",
        "    std::string_view name;",
        "    Task task;",
        "};",
        "",
        f"inline constexpr std::array<MethodInfo, {len(schema.methods)}> kMethods{{{{",
    ]
    lines += [f'    {{"{method.name}", Task::{method.task}}},' for method in schema.methods]
    lines += [
        "}};",
        "",
        "[[nodiscard]] constexpr const MethodInfo& info(Method method) {",
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
    if extras and fields:
        lines.append("")
    for field in fields:
        lines += _comment(f"{field.doc}{_range_note(field)}", "    ")
        lines.append(f"    {_type(field)} {field.name}{_initialiser(field)};")
    if fields and _comparable(fields, schema):
        lines += ["", f"    bool operator==(const {name}&) const = default;"]
    lines += [
        "};",
        f"[[nodiscard]] bool decode(Reader& reader, {name}& out, FieldError& error);",
        f"void encode(Writer& writer, const {name}& in);",
    ]
    return _block(lines)


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
            return cpp_string(str(field.default))
        case Kind.ENUM:
            return f"{field.type}::{field.default}"
    return str(field.default)


def float_literal(value: float) -> str:
    text = repr(value)
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"


def _decode(name: str, fields: Sequence[Field]) -> str:
    unused = "" if fields else "[[maybe_unused]] "
    lines = [
        f"bool decode(Reader& reader, {unused}{name}& out, FieldError& error) {{",
        "    FieldReader fields(reader, error);",
    ]
    for field in fields:
        read = f"fields.read({', '.join(_read_arguments(field))});"
        if field.default is None:
            lines.append(f"    {read}")
            continue
        lines += [
            "    if (fields.more()) {",
            f"        {read}",
            "    } else {",
            f"        out.{field.name} = {_constant(field)};",
            "    }",
        ]
    lines += ["    return fields.finish();", "}"]
    return _block(lines)


def _read_arguments(field: Field) -> list[str]:
    arguments = [f'"{field.name}"', f"out.{field.name}"]
    low, high = field.minimum, field.maximum
    match field.kind:
        case Kind.INTEGER if high is not None:
            arguments += [str(low or 0), str(high)]
        case Kind.INTEGER if low is not None:
            arguments.append(str(low))
        case Kind.F32 if low is not None and high is not None:
            bounds = f"{float_literal(float(low))}, {float_literal(float(high))}"
            arguments.append(f'FloatRange{{{bounds}, "{low}", "{high}"}}')
        case Kind.STR | Kind.BIN:
            arguments.append(str(field.max_bytes))
        case Kind.BIN_ARRAY:
            arguments += [str(field.max_items), str(field.max_bytes)]
    return arguments


def _encode(name: str, fields: Sequence[Field]) -> str:
    unused = "" if fields else "[[maybe_unused]] "
    lines = [f"void encode(Writer& writer, {unused}const {name}& in) {{"]
    lines.append(f"    writer.array({len(fields)});")
    for field in fields:
        lines.append(f"    {_write(field)};")
    lines.append("}")
    return _block(lines)


def _write(field: Field) -> str:
    value = f"in.{field.name}"
    match field.kind:
        case Kind.INTEGER:
            return f"writer.uint({value})"
        case Kind.BOOL:
            return f"writer.boolean({value})"
        case Kind.F32:
            return f"writer.f32({value})"
        case Kind.STR:
            return f"writer.str({value})"
        case Kind.BIN:
            return f"writer.bin({value})"
        case Kind.ENUM:
            return f"writer.uint(static_cast<std::uint8_t>({value}))"
        case Kind.RECORD:
            return f"encode(writer, {value})"
    return f"write_array(writer, {value})"

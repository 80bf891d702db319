"""Golden vectors: `protocol/golden.json`, and the C++ test made from it, `tests/rpc/golden.inc`.

The examples of the schema say what a message means (`value`); a golden vector adds what it looks
like (`body` and `frame`, in hex, or size and CRC-32 if they are long). The encoders here are
written for plainness and share nothing with those under test; they fill in the bytes of a new
example, and what is filled in is kept by its name and never written again.
"""

from __future__ import annotations

import json
import textwrap
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .checks import SchemaError
from .cpp import float_literal, pascal, string_literal
from .schema import Example, Field, Kind, Schema

LONGEST_HEX_BYTES = 400

ABOUT = [
    "Golden vectors of the protocol, decoded and encoded by the tests of both sides.",
    "Generated from the examples in ugpt.toml; the bytes of an example are written once.",
    'Bytes are hex; {"repeat": x, "times": n} is x written n times; "inf" and "nan" are floats.',
    "`body` and `frame` are hex, or size and CRC-32 if they are long.",
    "`decode_only` marks encodings that are valid but not what our encoders write.",
]

Case = dict[str, Any]
Value = Mapping[str, Any]


def load(text: str, schema: Schema) -> list[Case]:
    """A case for each example; `text` is golden.json as it was, or empty."""
    kept = {case["name"]: case for case in json.loads(text)["cases"]} if text else {}
    cases = []
    for message, example in _examples(schema):
        case = _case(message, example, schema)
        if any(case["name"] == earlier["name"] for earlier in cases):
            raise SchemaError(f"examples: {case['name']!r} appears twice")
        case |= _kept_bytes(case, kept)
        if example.body:
            _require_same_body(case, example.body)
            case["body"] = example.body  # in full, since no encoder of ours writes it
        elif "body" not in case:
            case["body"] = _shown(_body(case, schema))
        if "frame" not in case:
            body = case["body"]
            encoded = bytes.fromhex(body) if isinstance(body, str) else _body(case, schema)
            case["frame"] = _shown(_frame(encoded))
        cases.append(case)
    return cases


def _kept_bytes(case: Case, kept: Mapping[str, Case]) -> Case:
    """The bytes that were written for this example, if any were."""
    before = kept.get(case["name"])
    if before is None:
        return {}
    if before["value"] != case["value"] and not case.get("decode_only"):
        raise SchemaError(
            f"example {case['name']!r} has changed, but its bytes are never written again: make it "
            f"decode_only with the body of golden.json, and add another of its own name"
        )
    return {key: before[key] for key in ("body", "frame")}


def _require_same_body(case: Case, body: str) -> None:
    """Raises SchemaError if the bytes kept for a case are others."""
    kept = case.get("body", body)
    if kept not in (body, _shown(bytes.fromhex(body))):
        raise SchemaError(f"the body of example {case['name']!r} is not that of golden.json")


def _examples(schema: Schema) -> Iterator[tuple[str, Example]]:
    """Every example with the name of its method or notification."""
    for method in schema.methods:
        for example in method.examples:
            yield method.name, example
    for error in schema.errors:
        for example in error.examples:
            yield "", example
    for note in schema.notifications:
        for example in note.examples:
            yield note.name, example


def _case(message: str, example: Example, schema: Schema) -> Case:
    case: Case = {"name": example.name, "kind": example.kind}
    if message:
        case["message"] = message
    if example.id is not None:
        case["id"] = example.id
    case["value"] = example.value
    if message:
        where = f"example {example.name!r}"
        case["value"] = _complete(where, example.value, fields_of(case, schema), schema)
    if example.body:
        case["decode_only"] = True
    return case


def _complete(where: str, value: Value, fields: Sequence[Field], schema: Schema) -> Value:
    """The value with the defaults of the fields that it leaves out."""
    unknown = sorted(value.keys() - {field.name for field in fields})
    if unknown:
        raise SchemaError(f"{where}: there is no field {unknown[0]!r}")
    completed = {}
    for field in fields:
        if field.name not in value and field.required:
            raise SchemaError(f"{where}: {field.name} has no default and must be given")
        given = value.get(field.name, field.default)
        if field.kind is Kind.RECORD:
            given = _complete(where, given, schema.record(field.type).fields, schema)
        completed[field.name] = given
    return completed


def to_json(cases: Sequence[Case]) -> str:
    """golden.json with these cases, one line for each key."""
    about = json.dumps(ABOUT, indent=4)
    shown = []
    for case in cases:
        lines = [f"            {json.dumps(key)}: {json.dumps(case[key])}" for key in case]
        shown.append("        {\n" + ",\n".join(lines) + "\n        }")
    indented = textwrap.indent(about, "    ").lstrip()
    return f'{{\n    "about": {indented},\n    "cases": [\n' + ",\n".join(shown) + "\n    ]\n}\n"


def fields_of(case: Case, schema: Schema) -> Sequence[Field]:
    """The fields of the message that a case is about."""
    name = case["message"]
    if case["kind"] == "notification":
        return next(note.params for note in schema.notifications if note.name == name)
    method = next(method for method in schema.methods if method.name == name)
    return method.params if case["kind"] == "request" else method.result


def expand(value: Any) -> Any:
    """`{"repeat": x, "times": n}` written out."""
    if isinstance(value, dict) and value.keys() == {"repeat", "times"}:
        repeated, times = value["repeat"], value["times"]
        return repeated * times  # of text or of a list
    return value


def _body(case: Case, schema: Schema) -> bytes:
    import msgpack  # the only use: filling in a new case

    if case["kind"] == "error":
        value = case["value"]
        code = next(error.code for error in schema.errors if error.name == value["code"])
        items = [1, case["id"], [code, value["message"], value["detail"]], None]
    else:
        params = _positional(case["value"], fields_of(case, schema), schema)
        items = {
            "request": [0, case.get("id"), case["message"], params],
            "result": [1, case.get("id"), None, params],
            "notification": [2, case["message"], params],
        }[case["kind"]]
    return bytes(msgpack.packb(items, use_single_float=True))


def _positional(value: Value, fields: Sequence[Field], schema: Schema) -> list[object]:
    return [_wire_value(expand(value[field.name]), field, schema) for field in fields]


def _wire_value(value: Any, field: Field, schema: Schema) -> object:
    if field.optional and value is None:
        return None
    match field.kind:
        case Kind.RECORD:
            return _positional(value, schema.record(field.type).fields, schema)
        case Kind.ENUM:
            return next(v.value for v in schema.enum(field.type).values if v.name == value)
        case Kind.BIN:
            return bytes.fromhex(value)
        case Kind.BIN_ARRAY:
            return [bytes.fromhex(item) for item in value]
        case Kind.F32:
            return float(value)  # also "nan" and "inf"
    return value


def _frame(body: bytes) -> bytes:
    data = body + zlib.crc32(body).to_bytes(4, "little")
    encoded, block = bytearray(), bytearray()
    for byte in data:
        if byte != 0:
            block.append(byte)
        if byte == 0 or len(block) == 254:
            encoded += bytes([len(block) + 1]) + block
            block.clear()
    ended_with_full_block = data[-1] != 0 and not block
    if not ended_with_full_block:
        encoded += bytes([len(block) + 1]) + block
    return b"\0" + bytes(encoded) + b"\0"


def _shown(data: bytes) -> str | dict[str, Any]:
    if len(data) <= LONGEST_HEX_BYTES:
        return data.hex()
    return {"size": len(data), "crc32": f"{zlib.crc32(data):08x}"}


def cpp_cases(cases: Sequence[Case], schema: Schema) -> str:
    """The text of golden.inc."""
    parts = ["// Generated from protocol/golden.json by protocol/generate.py. Do not edit.\n"]
    parts += [_cpp_case(case, schema) for case in cases]
    return "\n".join(parts)


def _cpp_case(case: Case, schema: Schema) -> str:
    kind, name = case["kind"], case.get("message", "")
    lines = [f"TEST(golden_{case['name'].replace(' ', '_').replace('-', '_')}) {{"]
    expected = [_cpp_expected(case["body"]), _cpp_expected(case["frame"])]
    if kind == "error":
        value = case["value"]
        message = string_literal(value["message"])
        first = f"{case['id']}U, ErrorCode::{value['code']}, {message}, {value['detail']}U"
        arguments = [first, *expected]
    else:
        suffix = {"request": "Params", "result": "Result", "notification": "Notification"}[kind]
        lines.append(f"    {pascal(name)}{suffix} value;")
        lines += _cpp_assignments("value", case["value"], fields_of(case, schema), schema)
        arguments = ["value"] if kind == "notification" else [f"{case['id']}U", "value"]
        arguments += expected
    if case.get("decode_only"):
        arguments.append("Direction::decode_only")
    joined = ",\n        ".join(arguments)
    lines += [f"    check_{kind}(\n        {joined});", "}"]
    return "\n".join(lines) + "\n"


def _cpp_expected(shown: str | dict[str, Any]) -> str:
    if isinstance(shown, dict):
        return f"Digest{{{shown['size']}, 0x{shown['crc32']}}}"
    pieces = [f'"{shown[i : i + 80]}"' for i in range(0, len(shown), 80)]
    return "\n        ".join(pieces) or '""'


def _cpp_assignments(
    target: str, value: Value, fields: Sequence[Field], schema: Schema
) -> list[str]:
    lines = []
    for field in fields:
        place, given = f"{target}.{field.name}", value[field.name]
        if field.kind is Kind.RECORD:
            inner = schema.record(field.type).fields
            lines += _cpp_assignments(place, given, inner, schema)
        elif field.optional and given is None:
            lines.append(f"    {place} = {{}};")
        elif field.kind is Kind.U32_ARRAY:
            lines += [f"    {place}.push_back({item}U);" for item in expand(given)]
        else:
            lines.append(f"    {place} = {_cpp_value(given, field)};")
    return lines


def _cpp_value(value: Any, field: Field) -> str:
    repeated = isinstance(value, dict)
    match field.kind:
        case Kind.INTEGER:
            return f"{value}{'ULL' if field.bits == 64 else 'U'}"
        case Kind.BOOL:
            return "true" if value else "false"
        case Kind.ENUM:
            return f"{field.type}::{value}"
        case Kind.F32:
            names = {"nan": "quiet_NaN", "inf": "infinity"}
            if value in names:
                return f"std::numeric_limits<float>::{names[value]}()"
            return float_literal(float(value))
        case Kind.STR if repeated:
            return f"repeated_text({string_literal(value['repeat'])}, {value['times']})"
        case Kind.STR:
            return string_literal(value)
        case Kind.BIN if repeated:
            return f'repeated_bytes("{value["repeat"]}", {value["times"]})'
        case Kind.BIN:
            return f'bytes("{value}")'
        case Kind.BIN_ARRAY if repeated:
            items = ", ".join(f'"{item}"' for item in value["repeat"])
            return f"bins({{{items}}}, {value['times']})"
    items = ", ".join(f'"{item}"' for item in value)
    return f"bins({{{items}}}, 1)"

"""Writes the reference page: `docs/protocol.md`."""

from __future__ import annotations

from collections.abc import Sequence

from .schema import Field, Kind, Method, Schema

INTRO = """\
<!-- Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit. -->
# The wire protocol, version {major}.{minor}

Host and device exchange MessagePack-RPC messages in checksummed frames over a byte stream: a UART,
a pseudo-terminal or a socket. How frames are built and found in a noisy stream, how messages are
laid out, how a host opens a conversation and asks again, and how the protocol may grow is specified
in [protocol/README.md](../protocol/README.md). This page lists what can be said;
[examples/talk.c](../examples/talk.c) says some of it in C.

- **Frame**: `00`, COBS(body, CRC-32 little-endian), `00`.
- **Request**: `[0, id, method, params]`, answered by one **response** `[1, id, error, result]` with
  the same id. One of error and result is nil.
- **Notification**: `[2, name, params]`, sent by the device, never answered.
- **Error**: `[code, message, detail]`.
- Params, results and records are arrays of their fields in the order of the tables below; `[]` for
  "none".

## Versions

Host and firmware tell each other their version of the protocol in `hello`. Another *major* version
is another protocol; a higher *minor* one has additions, which the tables mark. Each side skips
fields that it does not know and takes the default of those it does not get, so any two minor
versions of one major version go together:

- **The firmware is older.** Everything works that it knows. What it does not know, a method or a
  param with another value than its default, the host refuses before it is sent, in a sentence that
  names it and says what to do: write the current firmware with `ugpt flash`. `ugpt info` and
  `ugpt doctor` say that the firmware is older.
- **The firmware is newer.** Everything works that the host knows; `ugpt info` and `ugpt doctor` say
  that the firmware is newer and how to update the program.
- **Another major version.** Both sides refuse: the device answers `hello` with `wrong_version`, and
  the host names both versions and says what to do: `ugpt flash`, or the release that matches.
- **The same version of the protocol.** `ugpt info` and `ugpt doctor` compare the release of the
  firmware with that of the program and say if `ugpt flash` would bring a newer one.
"""


def page(schema: Schema) -> str:
    """The text of protocol.md."""
    parts = [INTRO.format(major=schema.major, minor=schema.minor), _limits(schema)]
    parts.append(
        "## Methods\n\n"
        "Methods of the task *link* are answered at once; those of the task *trainer* between two "
        "training steps, in the order in which they came.\n"
    )
    for method in schema.methods:
        parts.append(
            f"### {method.name}\n\n{method.doc} Task: {method.task}.{_since(method)}\n\n"
            + _fields("Parameters", method.params)
            + "\n"
            + _fields("Result", method.result)
        )
    parts.append("## Notifications\n")
    for note in schema.notifications:
        parts.append(f"### {note.name}\n\n{note.doc}\n\n" + _fields("Parameters", note.params))
    parts.append("## Records\n")
    for record in schema.records:
        parts.append(
            f"### {record.name} record\n\n{record.doc}\n\n" + _fields("Fields", record.fields)
        )
    parts.append("## Enums\n")
    for enum in schema.enums:
        rows = [[str(value.value), f"`{value.name}`", value.doc] for value in enum.values]
        parts.append(
            f"### {enum.name} enum\n\n{enum.doc}\n\n" + _table(["value", "name", "meaning"], rows)
        )
    return "\n".join([*parts, _errors(schema)])


def _since(method: Method) -> str:
    return f" Since minor {method.since}." if method.since else ""


def _limits(schema: Schema) -> str:
    rows = [[f"`{limit.name}`", str(limit.value), limit.doc] for limit in schema.limits]
    return "## Limits\n\n" + _table(["name", "value", "meaning"], rows)


def _errors(schema: Schema) -> str:
    rows = [[str(e.code), f"`{e.name}`", e.doc, e.advice] for e in schema.errors]
    return "## Errors\n\n" + _table(["code", "name", "meaning", "what to do"], rows)


def _fields(title: str, fields: Sequence[Field]) -> str:
    if not fields:
        return f"{title}: none.\n"
    rows = [[f"`{f.name}`", _type(f), _range(f), f.doc] for f in fields]
    return f"{title}:\n\n" + _table(["field", "type", "range", "meaning"], rows)


def _type(field: Field) -> str:
    if field.kind in (Kind.RECORD, Kind.ENUM):
        # The heading says which it is: a method may have the same name.
        return f"[{field.type}](#{field.type.lower()}-{field.kind.value})"
    return f"`{field.type}`"


def _range(field: Field) -> str:
    low, high = field.minimum, field.maximum
    parts = []
    if low is not None and high is not None:
        parts.append(f"{low} to {high}")
    elif low is not None:
        parts.append(f"at least {low}")
    elif high is not None:
        parts.append(f"at most {high}")
    if field.max_items:
        parts.append(f"at most {field.max_items} items")
    if field.max_bytes:
        each = " each" if field.kind is Kind.BIN_ARRAY else ""
        parts.append(f"at most {field.max_bytes} bytes{each}")
    if field.optional:
        parts.append("may be nil")
    elif field.default is not None:
        shown = "empty" if field.default in ("", []) else field.default
        parts.append(f"{shown} if absent")
    if field.since:
        parts.append(f"since minor {field.since}")
    return ", ".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"

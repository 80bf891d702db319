"""The one interpreter of the tables in `messages`: values to what MessagePack packs, and back.

Both directions check every field against its row, in order, and the first fault wins: InvalidValue
on the way out, ProtocolError on the way in. On the way in, fields that a newer peer has appended
are skipped, and one that an older peer does not send takes its default.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import TypeVar, cast

from ..errors import InvalidValue
from ..wording import number_text, span
from .errors import ProtocolError
from .messages import RECORDS
from .schema import REQUIRED, Call, Field, Layout

ResultT = TypeVar("ResultT")

_LONGEST_SHOWN = 40


def encode_params(call: Call[object]) -> list[object]:
    """The params of a call as they go into a body; raises InvalidValue."""
    return encode_fields(call.method.params, call.params)


def encode_record(record: object) -> list[object]:
    """A record as it goes into a body; raises InvalidValue."""
    fields = RECORDS[type(record)].fields
    return encode_fields(fields, [getattr(record, field.name) for field in fields])


def encode_fields(fields: Sequence[Field], values: Sequence[object]) -> list[object]:
    """Values of these fields as they go into a body; raises InvalidValue."""
    return [_encode_field(field, value) for field, value in zip(fields, values, strict=True)]


def decode_result(call: Call[ResultT], value: object) -> ResultT:
    """The result of a call; raises ProtocolError."""
    return cast(ResultT, decode(call.method.result, value))


def decode(layout: Layout, value: object) -> object:
    """A message of this layout; raises ProtocolError."""
    if not isinstance(value, list | tuple):
        raise ProtocolError(f"The device sent {layout.name} as {type(value).__name__}.")
    return layout.make(
        *(
            _decode_field(layout, field, value[index])
            if index < len(value)
            else _default(layout, field)
            for index, field in enumerate(layout.fields)
        )
    )


def needed_minor(call: Call[object]) -> tuple[int, str]:
    """The minor version that a device must speak to obey a call, and what of it needs that."""
    method = call.method
    needs = [(method.since, method.name)]
    needs += [
        (field.since, f"{field.name} of {method.name}")
        for field, value in zip(method.params, call.params, strict=True)
        if value != field.default
    ]
    return max(needs, key=lambda need: need[0])


class _Misfit(Exception):
    """Why a value does not fit its row; the text follows the name of the field."""


def _encode_field(field: Field, value: object) -> object:
    if field.optional and value is None:
        return None
    try:
        return _ENCODERS[_kind(field)](field, value)
    except _Misfit as misfit:
        raise InvalidValue(f"{field.name} {misfit}.") from None


def _decode_field(layout: Layout, field: Field, value: object) -> object:
    if field.optional and value is None:
        return None
    try:
        return _DECODERS[_kind(field)](field, value)
    except _Misfit as misfit:
        raise ProtocolError(f"The device sent {layout.name} whose {field.name} {misfit}.") from None


def _default(layout: Layout, field: Field) -> object:
    if field.default is REQUIRED:
        raise ProtocolError(f"The device sent {layout.name} without {field.name}.")
    return field.default


def _kind(field: Field) -> str:
    if isinstance(field.type, str):
        return field.type
    return "record" if isinstance(field.type, Layout) else "enum"


# One function for each kind of field: checks the value and returns what stands for it on the other
# side. Most are the same both ways.


def _any(_field: Field, value: object) -> object:
    return value


def _bool(_field: Field, value: object) -> bool:
    if not isinstance(value, bool):
        raise _Misfit(f"must be True or False, not {_shown(value)}")
    return value


def _integer(field: Field, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Misfit(f"must be an integer, not {_shown(value)}")
    _check_range(value, value, *field.range)
    return int(value)


def _f32(field: Field, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Misfit(f"must be a number, not {_shown(value)}")
    rounded = _round_to_f32(value)
    if field.least is not None and field.most is not None:
        # Rounded as well: what a device may send as its largest float32 must pass.
        _check_range(value, rounded, _round_to_f32(field.least), _round_to_f32(field.most))
    return rounded


def _encode_str(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise _Misfit(f"must be text, not {_shown(value)}")
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError:
        raise _Misfit("contains half of a surrogate pair") from None
    _check_size(size_bytes, field.most, "bytes")
    return value


def _decode_str(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise _Misfit(f"must be text, not {_shown(value)}")
    # Text that is not UTF-8 has been decoded with surrogates; they count as the bytes they are.
    _check_size(len(value.encode(errors="surrogateescape")), field.most, "bytes")
    return value


def _bin(field: Field, value: object) -> bytes:
    if not isinstance(value, bytes):
        raise _Misfit(f"must be bytes, not {_shown(value)}")
    _check_size(len(value), field.most, "bytes")
    return value


def _integers(field: Field, values: object) -> tuple[int, ...]:
    return tuple(_integer(field, value) for value in _items(field, values))


def _bins(field: Field, values: object) -> tuple[bytes, ...]:
    return tuple(_bin(field, value) for value in _items(field, values))


def _items(field: Field, values: object) -> Sequence[object]:
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise _Misfit(f"must be a list, not {_shown(values)}")
    _check_size(len(values), field.items, "items")
    return values


def _encode_enum(field: Field, value: object) -> int:
    if not isinstance(field.type, type) or not isinstance(value, field.type):
        raise _Misfit(f"is {_shown(value)}, which has no meaning")
    return value.value


def _decode_enum(field: Field, value: object) -> IntEnum:
    number = _integer(field, value)
    kind = cast(type[IntEnum], field.type)
    try:
        return kind(number)
    except ValueError:
        raise _Misfit(f"is {number}, which has no meaning") from None


def _encode_record(field: Field, value: object) -> list[object]:
    if RECORDS.get(type(value)) is not field.type:
        raise _Misfit(f"must be a {cast(Layout, field.type).name}, not {_shown(value)}")
    return encode_record(value)


def _decode_record(field: Field, value: object) -> object:
    return decode(cast(Layout, field.type), value)


_BOTH: dict[str, Callable[[Field, object], object]] = {
    "any": _any,
    "bool": _bool,
    "u8": _integer,
    "u16": _integer,
    "u32": _integer,
    "u64": _integer,
    "f32": _f32,
    "bin": _bin,
    "[u32]": _integers,
    "[bin]": _bins,
}
_ENCODERS = _BOTH | {"str": _encode_str, "enum": _encode_enum, "record": _encode_record}
_DECODERS = _BOTH | {"str": _decode_str, "enum": _decode_enum, "record": _decode_record}


def _round_to_f32(value: float) -> float:
    """The nearest float32; infinite if the value is beyond its range."""
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except (OverflowError, struct.error):  # the latter for an integer
        return float("inf") if value > 0 else float("-inf")
    return rounded


def _check_range(value: float, compared: float, least: float, most: float) -> None:
    if not least <= compared <= most:
        raise _Misfit(f"is {number_text(value)}; it must be from {span(least, most)}")


def _check_size(size: int, most: float | None, unit: str) -> None:
    if most is not None and size > most:
        raise _Misfit(f"has {size:,} {unit}; at most {number_text(most)} are possible")


def _shown(value: object) -> str:
    """A value of the wrong type, or only its type if it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"a {type(value).__name__}"

"""Properties of the codec that hold for every message and for bytes of any kind."""

from __future__ import annotations

import functools
import math
import struct
from contextlib import suppress
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ugpt.errors import InvalidValue
from ugpt.rpc import messages
from ugpt.rpc.codec import decode, decode_result, encode_fields
from ugpt.rpc.envelope import Notification, Response, decode_body, encode_request
from ugpt.rpc.errors import ProtocolError
from ugpt.rpc.schema import REQUIRED, Call, Field, Layout, Method

BITS = {"u8": 8, "u16": 16, "u32": 32, "u64": 64, "[u32]": 32}
LAYOUTS = [
    *messages.RECORDS.values(),
    *messages.NOTIFICATIONS.values(),
    *(method.result for method in messages.METHODS.values()),
]
REQUESTS = [
    Layout(f"a {method.name} request", method.params, lambda *params: params)
    for method in messages.METHODS.values()
]


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """Everything that a field may be."""
    values = _required_values_of(field)
    return st.none() | values if field.optional else values


def _required_values_of(field: Field) -> st.SearchStrategy[Any]:
    if isinstance(field.type, Layout):
        return messages_of(field.type)
    if isinstance(field.type, type):
        return st.sampled_from(field.type)
    match field.type:
        case "bool":
            return st.booleans()
        case "f32" if field.least is None:
            return st.floats(width=32)
        case "f32":
            return st.floats(field.least, field.most).map(as_f32)
        case "str":
            return st.text(max_size=min(int(field.most or 0) // 4, 20))
        case "bin":
            return st.binary(max_size=min(int(field.most or 0), 300))
        case "[bin]":
            item = st.binary(max_size=min(int(field.most or 0), 8))
            return st.lists(item, max_size=min(field.items, 20)).map(tuple)
    most = 2 ** BITS[field.type] - 1 if field.most is None else int(field.most)
    integers = st.integers(int(field.least or 0), most)
    if field.type == "[u32]":
        return st.lists(integers, max_size=field.items).map(tuple)
    return integers


@functools.cache
def fields_of(layout: Layout) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(*map(values_of, layout.fields))


def messages_of(layout: Layout) -> st.SearchStrategy[Any]:
    return fields_of(layout).map(lambda fields: layout.make(*fields))


def as_f32(value: float) -> float:
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def packed(items: list[object]) -> bytes:
    return bytes(msgpack.packb(items, use_single_float=True))


def shown(value: object) -> str:
    """To compare by: NaN is itself, and every float as it is."""
    return repr(value)


@functools.cache
def any_message() -> st.SearchStrategy[tuple[Layout, tuple[Any, ...]]]:
    return st.sampled_from(LAYOUTS + REQUESTS).flatmap(
        lambda layout: st.tuples(st.just(layout), fields_of(layout))
    )


# What MessagePack can carry.
WIRE_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=40,
)


@pytest.mark.parametrize("layout", LAYOUTS + REQUESTS, ids=lambda layout: layout.name)
@given(data=st.data())
@settings(max_examples=5)
def test_what_is_encoded_is_decoded(layout: Layout, data: st.DataObject) -> None:
    values = data.draw(fields_of(layout))
    wire = msgpack.unpackb(packed(encode_fields(layout.fields, values)))
    assert shown(decode(layout, wire)) == shown(layout.make(*values))


@given(any_message(), st.data())
def test_fields_of_an_older_peer_take_their_defaults(
    message: tuple[Layout, tuple[Any, ...]], data: st.DataObject
) -> None:
    layout, values = message
    required = sum(field.default is REQUIRED for field in layout.fields)
    sent = data.draw(st.integers(required, len(values)))
    defaults = [field.default for field in layout.fields[sent:]]
    wire = encode_fields(layout.fields, values)[:sent]
    assert shown(decode(layout, wire)) == shown(layout.make(*values[:sent], *defaults))
    if required:
        short = wire[: data.draw(st.integers(0, required - 1))]
        with suppress(ProtocolError):
            decode(layout, short)
            raise AssertionError("a required field was missing")


@given(any_message(), st.lists(WIRE_VALUES, min_size=1, max_size=3))
def test_fields_of_a_newer_peer_are_skipped(
    message: tuple[Layout, tuple[Any, ...]], more: list[object]
) -> None:
    layout, values = message
    wire = encode_fields(layout.fields, values)
    assert shown(decode(layout, [*wire, *more])) == shown(layout.make(*values))


@pytest.mark.parametrize("method", messages.METHODS.values(), ids=lambda method: method.name)
@given(data=st.data(), number=st.integers(0, 2**32 - 1))
@settings(max_examples=5)
def test_a_request_and_its_result_find_each_other(
    method: Method, data: st.DataObject, number: int
) -> None:
    params = data.draw(fields_of(Layout("params", method.params, tuple)))
    call: Call[object] = getattr(messages, method.name)(*params)
    kind, sent_number, name, fields = msgpack.unpackb(encode_request(number, call))
    assert (kind, sent_number, name) == (0, number, method.name)
    assert len(fields) == len(params)
    result = data.draw(fields_of(method.result))
    body = packed([1, number, None, encode_fields(method.result.fields, result)])
    answer = decode_body(body)
    assert isinstance(answer, Response)
    assert shown(decode_result(call, answer.result)) == shown(method.result.make(*result))


@given(st.sampled_from(LAYOUTS + REQUESTS), WIRE_VALUES)
def test_whatever_comes_is_taken_or_a_protocol_error(layout: Layout, value: object) -> None:
    with suppress(ProtocolError):
        decode(layout, value)


@given(any_message(), st.data(), WIRE_VALUES)
def test_one_wrong_field_is_taken_or_a_protocol_error(
    message: tuple[Layout, tuple[Any, ...]], data: st.DataObject, wrong: object
) -> None:
    layout, values = message
    wire = encode_fields(layout.fields, values)
    if wire:
        wire[data.draw(st.integers(0, len(wire) - 1))] = wrong
    with suppress(ProtocolError):
        decode(layout, wire)


@given(st.sampled_from(LAYOUTS + REQUESTS), st.data())
def test_whatever_is_given_is_sent_or_an_invalid_value(layout: Layout, data: st.DataObject) -> None:
    values = [data.draw(WIRE_VALUES) for _ in layout.fields]
    with suppress(InvalidValue):
        decode(layout, encode_fields(layout.fields, values))


@given(st.binary(max_size=200))
def test_bytes_are_a_body_or_a_protocol_error(body: bytes) -> None:
    with suppress(ProtocolError):
        message = decode_body(body)
        if isinstance(message, Notification):
            decode(messages.NOTIFICATIONS["log"], message.params)


@given(st.data())
def test_damaged_bodies_are_taken_or_a_protocol_error(data: st.DataObject) -> None:
    layout = data.draw(st.sampled_from(LAYOUTS))
    wire = encode_fields(layout.fields, data.draw(fields_of(layout)))
    body = bytearray(packed([1, 5, None, wire]))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ProtocolError):
        message = decode_body(bytes(body[: data.draw(st.integers(0, len(body)))]))
        if isinstance(message, Response):
            decode(layout, message.result)


@given(st.floats())
def test_a_float_is_rounded_to_the_nearest_float32(value: float) -> None:
    (sent,) = encode_fields((Field("x", "f32"),), (value,))
    assert isinstance(sent, float)
    if math.isnan(value):
        assert math.isnan(sent)
    elif abs(value) < 3.5e38:
        assert sent == nearest_f32(value)
    else:
        assert sent == math.copysign(math.inf, value)


def nearest_f32(value: float) -> float:
    """The nearest float32 by MessagePack's own rounding; infinite beyond its range."""
    try:
        return as_f32(value)
    except OverflowError:
        return math.copysign(math.inf, value)

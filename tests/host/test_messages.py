"""Messages of the host: golden vectors both ways, and what is refused on the way in and out."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import re
import zlib
from pathlib import Path
from typing import Any

import msgpack
import pytest

from ugpt.errors import InvalidValue
from ugpt.rpc import messages
from ugpt.rpc.codec import decode, decode_result, encode_fields, encode_record
from ugpt.rpc.envelope import Failure, Notification, Response, decode_body, encode_request
from ugpt.rpc.errors import ProtocolError
from ugpt.rpc.frames import Frame, FrameDecoder, encode_frame
from ugpt.rpc.messages import ERRORS
from ugpt.rpc.schema import Call, Field, Layout, Task

ROOT = Path(__file__).resolve().parents[2]
CASES = json.loads((ROOT / "protocol" / "golden.json").read_text(encoding="utf-8"))["cases"]

SHAPE = messages.Shape(n_layer=1, n_embd=16, n_head=4, block_size=16, vocab_size=27)
RECIPE = messages.Recipe(learning_rate=0.01, beta1=0.85, beta2=0.99, epsilon=1e-8, total_steps=1000)
EVERY_LAYOUT = [
    *messages.RECORDS.values(),
    *messages.NOTIFICATIONS.values(),
    *(method.result for method in messages.METHODS.values()),
]


def build(field: Field, value: Any) -> Any:
    """The value of a field from the JSON of a golden vector."""
    if field.optional and value is None:
        return None
    if isinstance(value, dict) and value.keys() == {"repeat", "times"}:
        value = value["repeat"] * value["times"]
    if isinstance(field.type, Layout):
        assert value.keys() == {inner.name for inner in field.type.fields}
        return field.type.make(*built(field.type.fields, value))
    if isinstance(field.type, type):
        return field.type[value.upper()]
    match field.type:
        case "bin":
            return bytes.fromhex(value)
        case "[bin]":
            return tuple(bytes.fromhex(item) for item in value)
        case "f32":
            return float(value)
    return tuple(value) if isinstance(value, list) else value


def built(fields: tuple[Field, ...], value: dict[str, Any]) -> list[Any]:
    assert value.keys() == {field.name for field in fields}
    return [build(field, value[field.name]) for field in fields]


def layout_of(case: dict[str, Any]) -> Layout:
    if case["kind"] == "notification":
        return messages.NOTIFICATIONS[case["message"]]
    method = messages.METHODS[case["message"]]
    if case["kind"] == "result":
        return method.result
    return Layout("params", method.params, lambda *params: params)


def encoded(case: dict[str, Any], values: list[Any]) -> bytes:
    if case["kind"] == "request":
        call: Call[object] = getattr(messages, case["message"])(*values)
        return encode_request(case["id"], call)
    fields = encode_fields(layout_of(case).fields, values)
    items: dict[str, list[object]] = {
        "result": [1, case.get("id"), None, fields],
        "notification": [2, case["message"], fields],
    }
    return bytes(msgpack.packb(items[case["kind"]], use_single_float=True))


def matches(data: bytes, shown: str | dict[str, Any]) -> bool:
    if isinstance(shown, str):
        return data.hex() == shown
    return (len(data), f"{zlib.crc32(data):08x}") == (shown["size"], shown["crc32"])


def rounded(value: Any) -> Any:
    """What a message becomes on its way: its floats as float32; a NaN as a word, to be compared."""
    if dataclasses.is_dataclass(value):
        return [rounded(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return (
            "nan"
            if math.isnan(value)
            else msgpack.unpackb(msgpack.packb(value, use_single_float=True))
        )
    return value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_vector(case: dict[str, Any]) -> None:
    if case["kind"] == "error":
        check_error(case)
        return
    layout = layout_of(case)
    values = built(layout.fields, case["value"])
    body = encoded(case, values)
    if case.get("decode_only"):
        body = bytes.fromhex(case["body"])
    assert matches(body, case["body"])
    frame = encode_frame(body)
    assert matches(frame, case["frame"])
    assert FrameDecoder().feed(frame) == [Frame(body)]
    assert rounded(decode(layout, fields_of(case, body))) == rounded(layout.make(*values))


def fields_of(case: dict[str, Any], body: bytes) -> object:
    if case["kind"] == "request":
        kind, request_id, name, params = msgpack.unpackb(body, strict_map_key=False)
        assert (kind, request_id, name) == (0, case["id"], case["message"])
        return params
    message = decode_body(body)
    if isinstance(message, Notification):
        assert message.name == case["message"]
        return message.params
    assert isinstance(message, Response)
    assert message.id == case["id"]
    return message.result


def check_error(case: dict[str, Any]) -> None:
    value = case["value"]
    code = messages.ErrorCode[value["code"].upper()]
    body = bytes.fromhex(case["body"])
    assert msgpack.packb([1, case["id"], [code.value, value["message"], value["detail"]], None]) \
        == body  # fmt: skip
    assert encode_frame(body).hex() == case["frame"]
    assert decode_body(body) == Failure(case["id"], code, value["message"], value["detail"])


def test_golden_vectors_cover_every_message() -> None:
    covered = {(case["kind"], case.get("message")) for case in CASES}
    for name in messages.METHODS:
        assert ("request", name) in covered
        assert ("result", name) in covered
    assert all(("notification", name) in covered for name in messages.NOTIFICATIONS)
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (messages.set_baud(9599), "baud is 9,599; it must be from 9,600 to 5,000,000."),
        (messages.seek(-1), "step is -1; it must be from 0 to 16,777,216."),
        (messages.seek(True), "step must be an integer, not True."),
        (messages.seek(1.5), "step must be an integer, not 1.5."),  # type: ignore[arg-type]
        (messages.init_weights(1, 10.1), "deviation is 10.1; it must be from 0 to 10."),
        (messages.init_weights(1, math.nan), "deviation is nan"),
        (messages.init_weights(1, 1e300), "deviation is 1e+300"),
        (
            messages.init_weights(2**64, 1.0),
            "seed is 18,446,744,073,709,551,616; it must be from 0 to 2^64 - 1.",
        ),
        (messages.vocabulary_write(-1, b""), "offset is -1; it must be from 0 to 2^32 - 1."),
        (messages.autorun(True, 0.0), "temperature is 0; it must be from 0.001 to 100."),
        (messages.sample(1, 0, -1.0, b"", b""), "temperature is -1; it must be from 0 to 100."),
        (messages.ping(bytes(8001)), "payload has 8,001 bytes; at most 8,000 are possible."),
        (messages.ping("text"), "payload must be bytes, not 'text'."),  # type: ignore[arg-type]
        (messages.ping([0] * 99), "payload must be bytes, not a list."),  # type: ignore[arg-type]
        (messages.profile(1), "enabled must be True or False, not 1."),  # type: ignore[arg-type]
        (
            messages.tensor_read("ü" * 17, messages.TensorKind.WEIGHTS, 0, 1),
            "name has 34 bytes; at most 32 are possible.",
        ),
        (
            messages.tensor_read("\ud800", messages.TensorKind.WEIGHTS, 0, 1),
            "name contains half of a surrogate pair.",
        ),
        (
            messages.tensor_read("wte", 7, 0, 1),  # type: ignore[arg-type]
            "kind is 7, which has no meaning.",
        ),
        (
            messages.tensor_read("wte", messages.Source.HOST, 0, 1),  # type: ignore[arg-type]
            "which has no meaning.",
        ),
        (
            messages.documents_write(0, (b"",) * 1025),
            "documents has 1,025 items; at most 1,024 are possible.",
        ),
        (messages.documents_write(0, b"abc"), "documents must be a list, not b'abc'."),  # type: ignore[arg-type]
        (
            messages.plan(dataclasses.replace(SHAPE, n_embd=2000), RECIPE, 26),
            "n_embd is 2,000; it must be from 1 to 1,024.",
        ),
        (
            messages.plan(RECIPE, SHAPE, 26),  # type: ignore[arg-type]
            "shape must be a Shape, not a Recipe.",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else value.method.name,
)
def test_a_value_out_of_range_is_not_sent(call: Call[object], words: str) -> None:
    with pytest.raises(InvalidValue, match=re.escape(words)):
        encode_request(1, call)


def test_a_record_out_of_range_is_refused_by_itself() -> None:
    assert encode_record(SHAPE) == [1, 16, 4, 16, 27]
    with pytest.raises(InvalidValue, match="n_layer is 0; it must be from 1 to 64"):
        encode_record(dataclasses.replace(SHAPE, n_layer=0))


def result_of(name: str) -> Layout:
    return messages.METHODS[name].result


@pytest.mark.parametrize(
    ("layout", "value", "words"),
    [
        (result_of("pause"), None, "the result of pause as NoneType."),
        (result_of("pause"), [], "the result of pause without step."),
        (result_of("pause"), [-1], "whose step is -1; it must be from 0 to 2^32 - 1."),
        (result_of("pause"), [True], "whose step must be an integer, not True."),
        (result_of("pause"), ["1"], "whose step must be an integer, not '1'."),
        (result_of("sample"), [b"", 1], "whose ended must be True or False, not 1."),
        (result_of("sample"), ["", True], "whose tokens must be bytes, not ''."),
        (result_of("sample"), [bytes(513), True], "whose tokens has 513 bytes; at most 512"),
        (messages.NOTIFICATIONS["log"], [3, ""], "whose level is 3, which has no meaning."),
        (messages.NOTIFICATIONS["log"], [2, b""], "whose text must be text, not b''."),
        (result_of("plan"), [[1, 2]], "Plan without moments_bytes."),
        (messages.RECIPE, [math.nan, 0, 0, 0.01, 1], "whose learning_rate is nan"),
        (messages.RECIPE, ["0", 0, 0, 0.01, 1], "whose learning_rate must be a number, not '0'."),
        (messages.HELLO, ["0", "1", "2"], "whose major must be an integer"),  # the first fault
    ],
)
def test_a_value_out_of_range_is_not_taken(layout: Layout, value: object, words: str) -> None:
    with pytest.raises(ProtocolError, match=re.escape(words)):
        decode(layout, value)


def test_the_largest_float32_of_a_range_is_taken() -> None:
    value = [0.01, 0.9998999834060669, 0.9999, 1e-10, 1]  # float32 of 0.9999
    recipe = decode(messages.RECIPE, value)
    assert isinstance(recipe, messages.Recipe)
    assert recipe.beta1 == recipe.beta2


def test_fields_of_a_newer_peer_are_passed_over() -> None:
    assert decode(result_of("pause"), [5, {"new": 1}, None]) == 5
    assert decode(result_of("reset"), [1]) is None


def test_calls_know_their_task_and_the_type_of_their_result() -> None:
    assert decode_result(messages.pause(), [7]) == 7
    assert decode_result(messages.self_test(), [1, 2]) == messages.SelfTestResult(1, 2, "")
    assert messages.pause().method.task is Task.TRAINER
    assert messages.status().method.task is Task.LINK


def test_every_error_has_its_texts() -> None:
    assert ERRORS.keys() == set(messages.ErrorCode)
    assert all(text.doc and text.advice for text in ERRORS.values())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x90",
        b"\x00",
        b"\x80",
        b"\x94\x01",
        bytes.fromhex("940101c090c0"),  # something after it
        bytes.fromhex("940001a470696e6790"),  # a request: only hosts send these
        bytes.fromhex("930101c0"),  # a response without a result
        bytes.fromhex("9401ffc090"),  # a negative id
        bytes.fromhex("940101a0c0"),  # an error that is text
        bytes.fromhex("94010193cd0100a000c0"),  # an error code of two bytes
        bytes.fromhex("93020190"),  # a notification named 1
        b"\x91" * 5000,
        bytes.fromhex("dfffffffff"),
        bytes.fromhex("940101c0918180c0"),  # a map whose key is a map
    ],
    ids=lambda body: body.hex()[:24],
)
def test_a_body_that_no_device_should_send_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_body(body)


def test_an_error_code_of_newer_firmware_is_kept() -> None:
    body = bytes(msgpack.packb([1, 2, [200, "new", 3], None]))
    assert decode_body(body) == Failure(id=2, code=200, message="new", detail=3)


def test_a_log_line_that_is_not_utf8_is_not_lost() -> None:
    message = decode_body(bytes.fromhex("9302a36c6f679202") + b"\xa4ca\xc3\xc3")
    assert isinstance(message, Notification)
    line = decode(messages.NOTIFICATIONS["log"], message.params)
    assert isinstance(line, messages.Log)
    assert line.text.encode(errors="surrogateescape") == b"ca\xc3\xc3"


def test_mutated_bodies_are_refused_or_mean_something() -> None:
    rng = random.Random(4)
    seeds = [bytes.fromhex(case["body"]) for case in CASES if isinstance(case["body"], str)]
    for _ in range(5000):
        body = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        try:
            message = decode_body(bytes(body[: rng.randint(0, 2 * len(body))]))
            if isinstance(message, Response):
                decode(rng.choice(EVERY_LAYOUT), message.result)
        except ProtocolError:
            continue

"""Messages of the host: golden vectors both ways, and what is refused on the way in and out."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import typing
import zlib
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgpack
import pytest

from ugpt.errors import InvalidValue, ProtocolError
from ugpt.rpc import messages
from ugpt.rpc.codec import Request
from ugpt.rpc.envelope import Failure, Notification, Response, decode_body, encode_request
from ugpt.rpc.frames import Frame, FrameDecoder, encode_frame

ROOT = Path(__file__).resolve().parents[2]
CASES = json.loads((ROOT / "protocol" / "golden.json").read_text(encoding="utf-8"))["cases"]

SHAPE = messages.Shape(n_layer=1, n_embd=16, n_head=4, block_size=16, vocab_size=27)
RECIPE = messages.Recipe(learning_rate=0.01, beta1=0.85, beta2=0.99, epsilon=1e-8, total_steps=1000)


def message_class(case: dict[str, Any]) -> Any:
    name = "".join(part.capitalize() for part in case["message"].split("_"))
    suffix = {"request": "Request", "result": "Result", "notification": "Notification"}
    return getattr(messages, name + suffix[case["kind"]])


def build(cls: Any, value: dict[str, Any]) -> Any:
    """A message from the JSON of a golden vector."""
    hints = typing.get_type_hints(cls)
    fields = {f.name: built(hints[f.name], value[f.name]) for f in dataclasses.fields(cls)}
    assert fields.keys() == value.keys()
    return cls(**fields)


def built(kind: Any, value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"repeat", "times"}:
        value = value["repeat"] * value["times"]
    if dataclasses.is_dataclass(kind):
        return build(kind, value)
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return kind[value.upper()]
    if kind is bytes:
        return bytes.fromhex(value)
    if kind is float:
        return float(value)
    if kind == tuple[bytes, ...]:
        return tuple(bytes.fromhex(item) for item in value)
    return tuple(value) if isinstance(value, list) else value


def encoded(case: dict[str, Any], message: Any) -> bytes:
    if case["kind"] == "request":
        return encode_request(case["id"], message)
    items: dict[str, list[object]] = {
        "result": [1, case.get("id"), None, message.to_wire()],
        "notification": [2, case["message"], message.to_wire()],
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
    cls = message_class(case)
    message = build(cls, case["value"])
    body = encoded(case, message)
    if case.get("decode_only"):
        body = bytes.fromhex(case["body"])
    assert matches(body, case["body"])
    frame = encode_frame(body)
    assert matches(frame, case["frame"])
    assert FrameDecoder().feed(frame) == [Frame(body)]
    assert rounded(cls.from_wire(fields_of(case, body))) == rounded(message)


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
    for cls in vars(messages).values():
        if isinstance(cls, type) and issubclass(cls, Request) and cls is not Request:
            assert ("request", cls.METHOD) in covered
            assert ("result", cls.METHOD) in covered
    assert ("notification", messages.LogNotification.NAME) in covered
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (messages.SetBaudRequest(9599), "baud is 9599; it must be from 9600 to 5000000."),
        (messages.SeekRequest(-1), "step is -1; it must be from 0 to 16777216."),
        (messages.SeekRequest(True), "step must be an integer, not True."),
        (messages.SeekRequest(1.5), "step must be an integer, not 1.5."),  # type: ignore[arg-type]
        (messages.InitWeightsRequest(1, 10.1), "deviation is 10.1; it must be from 0.0 to 10.0."),
        (messages.InitWeightsRequest(1, math.nan), "deviation is nan"),
        (messages.InitWeightsRequest(1, 1e300), "deviation is 1e\\+300"),
        (messages.InitWeightsRequest(2**64, 1.0), "seed is 18446744073709551616"),
        (messages.PingRequest(bytes(8001)), "payload has 8001 bytes; at most 8000 are possible."),
        (messages.PingRequest("text"), "payload must be bytes, not str."),  # type: ignore[arg-type]
        (
            messages.TensorReadRequest("ü" * 17, messages.TensorKind.WEIGHTS, 0, 1),
            "name has 34 bytes; at most 32 are possible.",
        ),
        (
            messages.TensorReadRequest("\ud800", messages.TensorKind.WEIGHTS, 0, 1),
            "name contains half of a surrogate pair.",
        ),
        (
            messages.TensorReadRequest("wte", 7, 0, 1),  # type: ignore[arg-type]
            "kind is 7, which has no meaning.",
        ),
        (
            messages.DocumentsWriteRequest(0, (b"",) * 1025),
            "documents has 1025 items; at most 1024 are possible.",
        ),
        (
            messages.PlanRequest(dataclasses.replace(SHAPE, n_embd=2000), RECIPE, 26),
            "n_embd is 2000; it must be from 1 to 1024.",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_a_value_out_of_range_is_not_sent(request_: Request[object], words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        encode_request(1, request_)


@pytest.mark.parametrize(
    ("cls", "value", "words"),
    [
        (messages.PauseResult, None, "PauseResult as NoneType"),
        (messages.PauseResult, [], "PauseResult without step"),
        (messages.PauseResult, [-1], "PauseResult.step as -1, outside 0 to 4294967295"),
        (messages.PauseResult, [True], "PauseResult.step as bool in place of an integer"),
        (messages.PauseResult, ["1"], "PauseResult.step as str in place of an integer"),
        (messages.SampleResult, [b"", 1], "ended as int in place of bool"),
        (messages.SampleResult, ["", True], "tokens as str in place of bytes"),
        (messages.SampleResult, [bytes(513), True], "tokens as 513 bytes, more than 512"),
        (messages.LogNotification, [3, ""], "level as 3, which has no meaning"),
        (messages.LogNotification, [2, b""], "text as bytes in place of text"),
        (messages.PlanResult, [[1, 2]], "Plan without moments_bytes"),
        (messages.Recipe, [math.nan, 0, 0, 0.01, 1], "learning_rate as nan"),
        (messages.Recipe, ["0", 0, 0, 0.01, 1], "learning_rate as str in place of a number"),
        (messages.DocumentsWriteRequest, [0, 5], "documents as int in place of an array"),
        (messages.DocumentsWriteRequest, [0, [5]], "documents as int in place of bytes"),
    ],
)
def test_a_value_out_of_range_is_not_taken(cls: Any, value: object, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        cls.from_wire(value)


def test_the_largest_float32_of_a_range_is_taken() -> None:
    value = [0.01, 0.9998999834060669, 0.9999, 1e-10, 1]  # float32 of 0.9999
    assert messages.Recipe.from_wire(value).beta1 == messages.Recipe.from_wire(value).beta2


def test_fields_of_a_newer_peer_are_passed_over() -> None:
    assert messages.PauseResult.from_wire([5, {"new": 1}, None]) == messages.PauseResult(5)
    assert messages.ResetResult.from_wire([1]) == messages.ResetResult()


def test_requests_know_the_type_of_their_result() -> None:
    result = messages.PauseRequest().decode_result([7])
    assert result == messages.PauseResult(step=7)
    assert messages.PauseRequest.RESULT is messages.PauseResult
    assert messages.PauseRequest.METHOD in messages.TRAINER_METHODS
    assert messages.StatusRequest.METHOD not in messages.TRAINER_METHODS


def test_every_error_has_its_texts() -> None:
    assert set(messages.ERROR_DOC) == set(messages.ERROR_ADVICE) == set(messages.ErrorCode)


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
    line = messages.LogNotification.from_wire(message.params).text
    assert line.encode(errors="surrogateescape") == b"ca\xc3\xc3"


def test_mutated_bodies_are_refused_or_mean_something() -> None:
    rng = random.Random(4)
    seeds = [bytes.fromhex(case["body"]) for case in CASES if isinstance(case["body"], str)]
    classes = [cls for cls in vars(messages).values() if hasattr(cls, "from_wire")]
    for _ in range(5000):
        body = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        try:
            message = decode_body(bytes(body[: rng.randint(0, 2 * len(body))]))
        except ProtocolError:
            continue
        if isinstance(message, Response):
            try:
                rng.choice(classes).from_wire(message.result)
            except ProtocolError:
                continue

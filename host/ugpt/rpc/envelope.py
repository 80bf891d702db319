"""MessagePack-RPC bodies: what stands around params and results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import msgpack

from ..errors import ProtocolError
from .codec import U32_MAX, FieldReader, Request


class MessageType(IntEnum):
    """The first item of a message."""

    REQUEST = 0
    RESPONSE = 1
    NOTIFICATION = 2


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a request that was obeyed; `result` is for `Request.decode_result`."""

    id: int
    result: object


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer to a request that was refused. `code` is an ErrorCode, if this side knows it."""

    id: int
    code: int
    message: str
    detail: int


@dataclass(frozen=True, slots=True)
class Notification:
    """Something the device says unasked; `params` are for the `from_wire` of its class."""

    name: str
    params: object


Message = Response | Failure | Notification

MESSAGE_MAX_BYTES = 512
"""The longest message of an error, and the longest name of a notification."""


def encode_request(request_id: int, request: Request[object]) -> bytes:
    """The body of a request; raises InvalidValue for params outside their ranges."""
    items = [MessageType.REQUEST.value, request_id, request.METHOD, request.to_wire()]
    return bytes(msgpack.packb(items, use_single_float=True))


def decode_body(body: bytes) -> Message:
    """What a device has sent; raises ProtocolError for what no device should send."""
    try:
        # Log lines and error messages may cut a character in two: that must not lose a message.
        value = msgpack.unpackb(
            body, unicode_errors="surrogateescape", strict_map_key=False, use_list=True
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        # TypeError: a map whose key is a map.
        raise ProtocolError(f"The device sent a body that is not MessagePack: {error}.") from None
    fields = FieldReader("message", value)
    kind = fields.integer("type", 0, 0xFF)
    if kind == MessageType.NOTIFICATION:
        name = fields.string("name", MESSAGE_MAX_BYTES)
        return Notification(name, fields.record("params", _as_it_is))
    if kind != MessageType.RESPONSE:
        raise ProtocolError(f"The device sent a message of type {kind}.")
    request_id = fields.integer("id", 0, U32_MAX)
    failure = fields.record("error", _as_it_is)
    result = fields.record("result", _as_it_is)
    return Response(request_id, result) if failure is None else _failure(request_id, failure)


def _failure(request_id: int, value: object) -> Failure:
    fields = FieldReader("error", value)
    return Failure(
        id=request_id,
        code=fields.integer("code", 0, 0xFF),
        message=fields.string("message", MESSAGE_MAX_BYTES),
        detail=fields.integer("detail", 0, U32_MAX),
    )


def _as_it_is(value: object) -> object:
    return value

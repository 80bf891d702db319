"""MessagePack-RPC bodies: what stands around params and results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import cast

import msgpack

from .codec import decode, encode_params
from .errors import ProtocolError
from .schema import Call, Field, Layout


class MessageType(IntEnum):
    """The first item of a message."""

    REQUEST = 0
    RESPONSE = 1
    NOTIFICATION = 2


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a request that was obeyed; `result` is for `codec.decode_result`."""

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
    """Something the device says unasked; `params` are for `codec.decode`."""

    name: str
    params: object


Message = Response | Failure | Notification

MESSAGE_MAX_BYTES = 512
"""The longest message of an error, and the longest name of a notification."""

_TYPE = Field("type", "u8")
_ANY_MESSAGE = Layout("a message", (_TYPE,), int)
_NOTIFICATION = Layout(
    "a notification",
    (_TYPE, Field("name", "str", most=MESSAGE_MAX_BYTES), Field("params", "any")),
    lambda _, name, params: Notification(name, params),
)
_RESPONSE = Layout(
    "a response",
    (_TYPE, Field("id", "u32"), Field("error", "any"), Field("result", "any")),
    lambda _, number, error, result: (
        Response(number, result) if error is None else _failure(number, error)
    ),
)
_ERROR = Layout(
    "an error",
    (Field("code", "u8"), Field("message", "str", most=MESSAGE_MAX_BYTES), Field("detail", "u32")),
    lambda *fields: fields,
)
_LAYOUTS = {MessageType.RESPONSE: _RESPONSE, MessageType.NOTIFICATION: _NOTIFICATION}


def encode_request(request_id: int, call: Call[object]) -> bytes:
    """The body of a request; raises InvalidValue for params outside their ranges."""
    items = [MessageType.REQUEST.value, request_id, call.method.name, encode_params(call)]
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
    kind = cast(int, decode(_ANY_MESSAGE, value))
    if kind not in _LAYOUTS:
        raise ProtocolError(f"The device sent a message of type {kind}.")
    return cast(Message, decode(_LAYOUTS[MessageType(kind)], value))


def _failure(number: int, error: object) -> Failure:
    code, message, detail = cast(tuple[int, str, int], decode(_ERROR, error))
    return Failure(number, code, message, detail)

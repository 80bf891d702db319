"""A device that lies: the answers of a real virtual device, changed on their way, from a seed.

Every frame is whole and every checksum right, so no link can notice: what is said is wrong. A liar
of a seed has one or a few kinds of lies and tells them more or less often.
"""

from __future__ import annotations

import copy
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack

from tests.support.devices import listening_device
from tests.support.faults import proxy_of
from ugpt.rpc.envelope import MessageType
from ugpt.rpc.frames import Frame, FrameDecoder, encode_frame
from ugpt.rpc.messages import ErrorCode

_INTEGERS = (0, 1, 2, 13, 255, 256, 1023, 65535, 2**24, 2**31, 2**32 - 1, 2**63, 2**64 - 1, -1)
_FLOATS = (float("nan"), float("inf"), float("-inf"), 0.0, -1.0, 1e30)
_STRANGE = (
    None, True, "", "\x1b[2J\u202e" * 20, b"", [], {}, [[[[]]]], {"a": {1: b"x"}}, 10**18, 0.5,
)  # fmt: skip
_ABOUT = ("", "", "status", "losses", "hello", "tensor_read", "documents_write", "sample", "plan")
_FLOOD_BYTES = 2**18

Message = list[Any]
Lie = Callable[["LyingSide", Message], list[bytes]]
"""What is sent in the place of a response."""


class RequestSide:
    """From the host: nothing is changed, and which request has which number is noted."""

    def __init__(self) -> None:
        self.methods: dict[int, str] = {}
        self._decoder = FrameDecoder()

    def pass_on(self, data: bytes) -> list[bytes]:
        for piece in self._decoder.feed(data):
            if isinstance(piece, Frame) and not piece.body.startswith(b"ugpt?"):
                _, number, method, _ = msgpack.unpackb(piece.body)
                self.methods[number] = method
        return [data]

    def is_late(self) -> bool:
        return False


@dataclass(frozen=True)
class Character:
    """What a liar is like."""

    lies: tuple[str, ...]
    share: float
    """Of the responses that are lies."""
    only: str = ""
    """The one method that is lied about; empty for all."""

    @classmethod
    def of(cls, seed: int) -> Character:
        source = random.Random(seed)
        lies = tuple(source.sample(sorted(LIES), source.choice((1, 1, 2, 4))))
        share = source.choice((0.01, 0.05, 0.3, 1.0))
        return cls(lies, share, source.choice(_ABOUT))


class LyingSide:
    """To the host: frame by frame, as the character wants it."""

    def __init__(
        self, requests: RequestSide, seed: int, character: Character | None = None
    ) -> None:
        self.character = character or Character.of(seed)
        self.random = random.Random(seed)
        self.told = 0
        """Lies so far."""
        self.withheld: list[bytes] = []
        self._requests = requests
        self._decoder = FrameDecoder()

    def pass_on(self, data: bytes) -> list[bytes]:
        pieces: list[bytes] = []
        for piece in self._decoder.feed(data):
            if isinstance(piece, Frame):
                pieces += self._say(piece.body)
            else:
                pieces.append(piece.line.encode() + b"\n")
        return pieces

    def is_late(self) -> bool:
        return False

    def _say(self, body: bytes) -> list[bytes]:
        message = msgpack.unpackb(body, unicode_errors="surrogateescape", strict_map_key=False)
        only = self.character.only
        about = self._requests.methods.get(message[1]) if message[0] == MessageType.RESPONSE else ""
        if about and (not only or about == only) and self.random.random() < self.character.share:
            self.told += 1
            return LIES[self.random.choice(self.character.lies)](self, message)
        return [encode_frame(body)]


def frame_of(message: Message) -> bytes:
    return encode_frame(
        msgpack.packb(message, use_single_float=True, unicode_errors="surrogateescape")
    )


def _places(value: Any) -> list[tuple[list[Any], int]]:
    """Where in a nested list the values stand."""
    found: list[tuple[list[Any], int]] = []
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += _places(item) if isinstance(item, list) and item else [(value, index)]
    return found


def _wrong_value(liar: LyingSide, message: Message) -> list[bytes]:
    """One value of the result: as wrong as its type allows, so that it may well be believed."""
    places = _places(message[3])
    if places:
        holder, index = liar.random.choice(places)
        holder[index] = _another(liar.random, holder[index])
    return [frame_of(message)]


def _another(source: random.Random, value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        near = (value + 1, max(value - 1, 0), value + 1000, 2 * value)
        return source.choice(_INTEGERS + near) % 2**64
    if isinstance(value, float):
        return source.choice((*_FLOATS, value + 1.0))
    if isinstance(value, bytes):
        return source.choice(
            (
                value[: len(value) // 2], value + bytes(4), value[:-1], b"", bytes(len(value)),
                b"\xff" * len(value), source.randbytes(len(value)), value * 2, bytes(8000),
                b"\x00\x00\xc0\x7f" * (len(value) // 4),
            )
        )  # fmt: skip
    if isinstance(value, str):
        return source.choice(("", "\x1b[31m", "x" * 64, "\u202e"))
    return _strange(source)


def _strange(source: random.Random) -> Any:
    return copy.deepcopy(source.choice(_STRANGE))


def _wrong_type(liar: LyingSide, message: Message) -> list[bytes]:
    places = _places(message)
    holder, index = liar.random.choice(places)
    holder[index] = _strange(liar.random)
    return [frame_of(message)]


def _wrong_shape(liar: LyingSide, message: Message) -> list[bytes]:
    """Items of the message or of its result too few or too many."""
    lists = [message]
    if isinstance(message[3], list):
        lists += [message[3], *(item for item in message[3] if isinstance(item, list))]
    chosen = liar.random.choice(lists)
    if chosen and liar.random.random() < 0.5:
        del chosen[liar.random.randrange(len(chosen)) :]
    else:
        chosen += [_strange(liar.random)] * liar.random.randrange(1, 2000)
    return [frame_of(message)]


def _refusal(liar: LyingSide, message: Message) -> list[bytes]:
    codes: tuple[int, ...] = (*map(int, ErrorCode), 0, 200)
    text = liar.random.choice(("", "No.", "\x1b]0;x\x07" * 20))
    error = [liar.random.choice(codes), text, liar.random.choice(_INTEGERS) % 2**32]
    return [frame_of([MessageType.RESPONSE, message[1], error, None])]


def _other_number(liar: LyingSide, message: Message) -> list[bytes]:
    """The answer to another request."""
    message[1] = max(1, message[1] + liar.random.choice((-1, 1, 2, -1000))) % 2**32
    return [frame_of(message)]


def _out_of_order(liar: LyingSide, message: Message) -> list[bytes]:
    """Withheld until some more have been, then all at once, the last one first, some twice."""
    liar.withheld.append(frame_of(message))
    if len(liar.withheld) < liar.random.randrange(1, 5):
        return []
    said, liar.withheld = liar.withheld[::-1], []
    return said + said[:1]


def _silence(liar: LyingSide, message: Message) -> list[bytes]:
    return []


def _flood_of_logs(liar: LyingSide, message: Message) -> list[bytes]:
    line = "the same again and again " * 8
    note = frame_of([MessageType.NOTIFICATION, "log", [2, line]])
    return [note * (_FLOOD_BYTES // len(note)), frame_of(message)]


def _flood_of_text(liar: LyingSide, message: Message) -> list[bytes]:
    end = liar.random.choice((b"\n", b"\r\n", b"", b"\0"))
    piece = liar.random.choice((b"lorem ipsum ", b"\xff\xfe", b"rst:0x1 "))
    line = piece * (8000 // len(piece)) + end
    return [line] * (_FLOOD_BYTES // len(line)) + [b"\0", frame_of(message)]


def _noise(liar: LyingSide, message: Message) -> list[bytes]:
    return [liar.random.randbytes(liar.random.randrange(1, 20_000)) + b"\0", frame_of(message)]


def _nonsense(liar: LyingSide, message: Message) -> list[bytes]:
    """A whole frame of anything."""
    deep = b"\x91" * liar.random.randrange(1, 4000) + b"\xc0"
    body = liar.random.choice((deep, liar.random.randbytes(200), b"\xdf\xff\xff\xff\xff", b"\xc1"))
    return [encode_frame(body), frame_of(message)]


LIES: dict[str, Lie] = {
    "wrong value": _wrong_value,
    "wrong type": _wrong_type,
    "wrong shape": _wrong_shape,
    "refusal": _refusal,
    "other number": _other_number,
    "out of order": _out_of_order,
    "silence": _silence,
    "flood of logs": _flood_of_logs,
    "flood of text": _flood_of_text,
    "noise": _noise,
    "nonsense": _nonsense,
}


@asynccontextmanager
async def lying_device(
    flash: Path, seed: int, character: Character | None = None
) -> AsyncIterator[tuple[str, LyingSide]]:
    """The address of a virtual device that lies, and what lies for it."""
    requests = RequestSide()
    liar = LyingSide(requests, seed, character)
    async with (
        listening_device("socket", flash) as port,
        proxy_of(port, (requests, liar)) as line,
    ):
        yield line.address, liar

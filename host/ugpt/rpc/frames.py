"""Frames: 0x00, COBS(body, CRC-32 little-endian), 0x00. protocol/README.md specifies them.

Pure functions of bytes. A stream may hold anything between frames: boot messages, a panic, half a
frame. Valid frames come out as Frame, readable lines as Text, the rest is counted and dropped.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from .messages import FRAME_MAX_BYTES

CRC_BYTES = 4
LONGEST_BLOCK = 254
_HEAD_BYTES = 3  # enough of a frame to tell it from text

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ERASURE = "\b \b"  # how a console rubs out the character before it on its terminal
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_CONTROLS_LEAST_APART = 4  # characters, on average, in what a model wrote; noise has more of them
# A readable end of a line whose start was garbled. Random bytes rarely form eight in a row.
READABLE_END = re.compile(rb"[\x20-\x7e\t\x1b]{8,}\Z")


@dataclass(frozen=True, slots=True)
class Frame:
    """A valid frame."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Text:
    """A line that was found outside frames, without its line end and colours."""

    line: str


def encode_frame(body: bytes) -> bytes:
    """The frame around a body."""
    data = body + zlib.crc32(body).to_bytes(CRC_BYTES, "little")
    return b"\0" + cobs_encode(data) + b"\0"


def cobs_encode(data: bytes) -> bytes:
    """Consistent overhead byte stuffing (Cheshire and Baker, 1999): no zeros, 0.4% more."""
    parts: list[bytes] = []
    runs = data.split(b"\0")
    last = len(runs) - 1
    for index, run in enumerate(runs):
        start = 0
        while len(run) - start >= LONGEST_BLOCK:
            parts += (b"\xff", run[start : start + LONGEST_BLOCK])
            start += LONGEST_BLOCK
        # A block of 254 stands for no zero; at the very end it needs nothing after it.
        if start == 0 or start < len(run) or index < last:
            parts += (bytes((len(run) - start + 1,)), run[start:])
    return b"".join(parts)


def cobs_decode(encoded: bytes) -> bytes | None:
    """The bytes that `encoded` (without zeros) stands for; None if it ends within a block."""
    parts: list[bytes] = []
    position, end = 0, len(encoded)
    while position < end:
        code = encoded[position]
        parts.append(encoded[position + 1 : position + code])
        position += code
        if code <= LONGEST_BLOCK and position < end:
            parts.append(b"\0")
    return b"".join(parts) if position == end else None


def decode_frame(encoded: bytes) -> bytes | None:
    """The body of what stood between two zeros; None if that is not a valid frame."""
    data = cobs_decode(encoded)
    if data is None or len(data) <= CRC_BYTES:
        return None
    body, crc = data[:-CRC_BYTES], data[-CRC_BYTES:]
    return body if zlib.crc32(body) == int.from_bytes(crc, "little") else None


class FrameDecoder:
    """Finds the frames and the readable text in a stream of bytes, fed in pieces of any size.

    At most the longest frame is held back. A line of text is given out at its line end, or with
    the frame that follows it, or by `flush`.
    """

    def __init__(self, body_max_bytes: int = FRAME_MAX_BYTES) -> None:
        data_bytes = body_max_bytes + CRC_BYTES
        self._encoded_max = data_bytes + data_bytes // LONGEST_BLOCK + 1
        self._pending = bytearray()  # since the last zero
        self._is_text = False  # lines have been taken off the front of it: it is no frame
        self.bad_frames = 0
        """Stretches between two zeros that were neither a frame nor readable text."""

    def feed(self, data: bytes) -> list[Frame | Text]:
        """What is complete with these bytes, in the order in which it came."""
        found: list[Frame | Text] = []
        *complete, rest = data.split(b"\0")
        for piece in complete:
            stretch = bytes(self._pending) + piece
            self._pending.clear()
            self._is_text = False
            if stretch:
                self._close(stretch, found)
        self._pending += rest
        self._take_lines(found)
        if len(self._pending) > self._encoded_max:
            self._salvage(bytes(self._pending), found)
            self._pending.clear()
        return found

    def begun(self, *, at_rest: bool) -> str | None:
        """The line of text that has begun and not ended; None if it may be something else.

        It stays pending. `at_rest`: nothing has come for a while, so that few bytes tell too.
        """
        if not self._pending or not (self._is_no_frame() or (at_rest and not self._has_head())):
            return None
        return readable(bytes(self._pending))

    def flush(self) -> list[Frame | Text]:
        """Gives up what has begun and not ended, for a stream that has fallen silent."""
        found: list[Frame | Text] = []
        self._salvage(bytes(self._pending), found)
        self._pending.clear()
        return found

    def _close(self, stretch: bytes, found: list[Frame | Text]) -> None:
        body = decode_frame(stretch) if len(stretch) <= self._encoded_max else None
        if body is None:
            self._salvage(stretch, found)
        else:
            found.append(Frame(body))

    def _take_lines(self, found: list[Frame | Text]) -> None:
        """Takes whole readable lines off the front of what is pending."""
        if not self._is_no_frame():
            return
        while (end := self._pending.find(b"\n")) >= 0:
            text = readable(bytes(self._pending[:end]))
            if text is None:
                return
            del self._pending[: end + 1]
            self._is_text = True
            if text:
                found.append(Text(text))

    def _is_no_frame(self) -> bool:
        """Whether what is pending cannot become a frame.

        Each has one of the bytes 1 and 2, the type of its message or the block before it, among
        its first three. The first may be a line feed, so that they must be there to tell.
        """
        head = self._pending[:_HEAD_BYTES]
        return self._is_text or (self._has_head() and 1 not in head and 2 not in head)

    def _has_head(self) -> bool:
        return len(self._pending) >= _HEAD_BYTES

    def _salvage(self, stretch: bytes, found: list[Frame | Text]) -> None:
        """Finds the readable lines in what is not a frame."""
        lines: list[Text] = []
        for raw in stretch.split(b"\n"):
            text = readable(raw)
            if text is None and (match := READABLE_END.search(raw.rstrip(b"\r"))):
                text = readable(match.group())
            if text:
                lines.append(Text(text))
        found += lines
        if stretch and not lines:
            self.bad_frames += 1


def readable(raw: bytes) -> str | None:
    """A line as text without colours and line end; None if it is not text."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    text = COLOUR.sub("", text).rstrip("\r").replace("\t", " ")
    text = _without_erased(text)
    controls = len(CONTROL.findall(text))
    return text if controls * _CONTROLS_LEAST_APART <= len(text) else None


def _without_erased(text: str) -> str:
    """What a terminal is left with; one pass, however much has been rubbed out."""
    first, *others = text.split(_ERASURE)
    kept = list(first)
    for piece in others:
        if kept and kept[-1] != "\b":
            kept.pop()
        else:
            kept += _ERASURE
        kept += piece
    return "".join(kept)

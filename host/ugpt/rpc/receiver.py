"""What comes over the line: answers, lines of the device's log, and signs of a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from . import codec, envelope
from .boot_log import BootLog
from .envelope import Failure, Notification, Response
from .errors import ProtocolError
from .frames import FrameDecoder, Text
from .messages import FRAME_MAX_BYTES, NOTIFICATIONS, ErrorCode, Log, LogLevel
from .stats import LinkStats

_SILENCE_S = 0.25


@dataclass(frozen=True)
class LogLine:
    """A line of the device's log, or, with no level, text from outside all frames."""

    text: str
    level: LogLevel | None


class Receiver:
    """Takes the bytes of a line apart and passes on what they say."""

    def __init__(
        self,
        stats: LinkStats,
        *,
        on_answer: Callable[[Response | Failure], None],
        on_restart: Callable[[], None],
        on_damaged: Callable[[], None],
        on_log: Callable[[LogLine], None] | None,
        on_begun: Callable[[str], None] | None = None,
    ) -> None:
        """With `on_begun`, which gets a line of text as far as it has come, only its end ends it;
        without, a short silence does too."""
        self.heard_at_s = 0.0
        """When the last whole frame came."""
        self.boot_log = BootLog()
        """Has read the text from outside all frames since a device has answered a hello."""
        self._stats = stats
        self._on_answer = on_answer
        self._on_restart = on_restart
        self._on_damaged = on_damaged
        self._on_log = on_log
        self._on_begun = on_begun
        self._decoder = FrameDecoder(FRAME_MAX_BYTES)
        self._silence: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        self._stats.bytes_received += len(data)
        self._stats.is_eighth_bit_seen |= not data.isascii()
        self._stats.quality.carried(len(data))
        loop = asyncio.get_running_loop()
        self.close()
        # A board that falls may leave half a frame and its last words in one stretch.
        self._silence = loop.call_later(_SILENCE_S, self._fall_silent)
        for piece in self._decoder.feed(data):
            if isinstance(piece, Text):
                self._take_text(piece.line)
                continue
            try:
                message = envelope.decode_body(piece.body)
            except ProtocolError as error:
                self._log(LogLine(error.message, None))
                continue
            self.heard_at_s = loop.time()
            if isinstance(message, Notification):
                self._take_notification(message)
            else:
                self._take_answer(message)
        self._tell_begun(at_rest=False)
        damaged = self._decoder.bad_frames - self._stats.bad_frames
        self._stats.bad_frames += damaged
        self._stats.quality.damaged(damaged)
        if damaged:
            self._on_damaged()

    def _fall_silent(self) -> None:
        if not self._tell_begun(at_rest=True):
            self.flush()

    def flush(self) -> None:
        """Takes the text of a line that has not ended."""
        for piece in self._decoder.flush():
            if isinstance(piece, Text):
                self._take_text(piece.line)

    def close(self) -> None:
        """Waits for the end of no line any more."""
        if self._silence is not None:
            self._silence.cancel()

    def _take_answer(self, message: Response | Failure) -> None:
        if isinstance(message, Failure) and message.code == ErrorCode.HELLO_FIRST:
            self._on_restart()
        self._on_answer(message)

    def _take_notification(self, message: Notification) -> None:
        layout = NOTIFICATIONS.get(message.name)
        if layout is None:
            return  # of a newer firmware
        try:
            note = codec.decode(layout, message.params)
        except ProtocolError as error:
            self._log(LogLine(error.message, None))
            return
        if isinstance(note, Log):
            self._log(LogLine(note.text, note.level))

    def _take_text(self, text: str) -> None:
        restarts = self.boot_log.read(text)
        self._log(LogLine(text, None))
        if restarts:
            self._on_restart()

    def _tell_begun(self, *, at_rest: bool) -> bool:
        """Whether there is a line that has begun, and somebody to hear of it."""
        if self._on_begun is None or (text := self._decoder.begun(at_rest=at_rest)) is None:
            return False
        asyncio.get_running_loop().call_soon(self._on_begun, text)
        return True

    def _log(self, line: LogLine) -> None:
        if self._on_log is not None:
            # Not called from here: a mistake in it must not end the conversation.
            asyncio.get_running_loop().call_soon(self._on_log, line)

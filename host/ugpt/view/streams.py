"""The standard streams, whatever they lead to: closed, full, read by nobody, or of few characters.

What a stream cannot show is replaced. A stream that takes no more bytes is silent from then on;
if it is standard output, `OutputLost` says so once something is written.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TextIO

from ..errors import UgptError

_READER_GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET, errno.ESHUTDOWN)
_LOOK_S = 0.1
_HURRY_S = 1.0  # how long a reader that stands still may hold up a program that is to end

if sys.platform == "win32":
    _PIECE_BYTES = 512
else:
    _PIECE_BYTES = select.PIPE_BUF

_hurried = False


class OutputLost(UgptError):
    """Standard output takes no more bytes."""

    def __init__(self, error: OSError) -> None:
        reason = os.strerror(error.errno) if error.errno else str(error)
        super().__init__(
            f"Standard output cannot be written ({reason}).",
            "What was to be shown is lost; all else is as it would be.",
        )
        self.reader_gone = error.errno in _READER_GONE
        """Nobody reads it any more, as after `| head`."""


class _Sink(io.RawIOBase):
    """Passes bytes on for as long as they are taken; later ones go nowhere."""

    def __init__(self, out: Any) -> None:
        self.error: OSError | None = None
        self._out = out
        self._waits = _may_block(out)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.error is None and bool(self._out.isatty())

    def fileno(self) -> int:
        return int(self._out.fileno())

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self.error is None:
                rest = rest[self._write_some(rest) :]
        except OSError as error:
            self.error = error
        return size

    def _write_some(self, data: memoryview) -> int:
        if not self._waits:
            return self._out.write(data) or 0
        started_s = monotonic()
        while not select.select([], [self._out], [], _LOOK_S)[1]:
            if _hurried and monotonic() - started_s > _HURRY_S:
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        # No more than surely has room: the program could not be ended while it waits in there.
        return self._out.write(data[:_PIECE_BYTES]) or 0


class _Stream(io.TextIOWrapper):
    """Text on its way to a sink."""

    def __init__(self, sink: _Sink, encoding: str, *, raises: bool) -> None:
        super().__init__(
            io.BufferedWriter(sink), encoding=encoding, errors="replace", line_buffering=True
        )
        self._sink = sink
        self.raises = raises

    @property
    def error(self) -> OSError | None:
        return self._sink.error

    def flush(self) -> None:
        super().flush()
        if self.raises and self.error is not None:
            raise OutputLost(self.error)


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Meanwhile the standard streams are there and do no harm, whatever becomes of them."""
    global _hurried
    _hurried = False
    _open_descriptors()
    replaced = sys.stdin, sys.stdout, sys.stderr
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BytesIO())
    out, errors = _guarded(sys.stdout, raises=True), _guarded(sys.stderr, raises=False)
    sys.stdout, sys.stderr = out, errors
    try:
        yield
    finally:
        out.raises = False
        for stream in (out, errors):
            stream.flush()
        sys.stdin, sys.stdout, sys.stderr = replaced


def output_lost() -> OutputLost | None:
    """Whether something was not shown on standard output."""
    error = sys.stdout.error if isinstance(sys.stdout, _Stream) else None
    return None if error is None else OutputLost(error)


def hurry() -> None:
    """The program is to end: a reader that stands still no longer holds it up."""
    global _hurried
    _hurried = True


def _guarded(stream: TextIO | None, *, raises: bool) -> _Stream:
    if stream is None:
        return _Stream(_Sink(io.BytesIO()), "utf-8", raises=raises)
    # A buffer in between would keep what could not be written, and fail again at the very end.
    out = getattr(stream.buffer, "raw", stream.buffer)
    return _Stream(_Sink(out), stream.encoding or "utf-8", raises=raises)


def _open_descriptors() -> None:
    """Gives the first three file descriptors a meaning: another file must not get their numbers."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _may_block(out: Any) -> bool:
    """Whether somebody must read it before more can be written."""
    if sys.platform == "win32":
        return False
    try:
        mode = os.fstat(out.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)

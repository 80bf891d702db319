"""What a link counts and measures about itself."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field

from .line_quality import LineQuality

BITS_PER_BYTE = 10
"""On the line: start bit, eight bits, stop bit."""

_SECONDS_PER_TRY = 0.3  # a device is asked so often at least before it is given up
_FEW_TRIES = 3
_LEAST_S = 0.25  # besides the round trip, before a request is sent again
_SOON_S = 0.004  # the same on a bad line
_MOST_S = 2.0  # in all
_SOONER = 0.9
_LONG = 3  # times the limit, after which few tries are enough
_LATE_S = 1.0  # a wait that takes so much longer than it was to take was not spent listening


@dataclass
class LinkStats:
    """Counters since the connection was opened."""

    requests: int = 0
    repeats: int = 0
    """Requests sent again because no answer came in time."""
    late_replies: int = 0
    """Answers nobody waits for any more: mostly to repeats that were not needed."""
    presumed_lost: int = 0
    """Repeats that no busy trainer explains: the line seems to have lost the try before."""
    bad_frames: int = 0
    """Frames that did not survive the way here."""
    bytes_sent: int = 0
    bytes_received: int = 0
    is_eighth_bit_seen: bool = False
    """Whether a byte above 127 has come."""
    baud: int = 0
    """The rate of the line; 0 if there is none."""
    window: int = 1
    """Requests that may be in flight."""
    quality: LineQuality = field(default_factory=LineQuality, repr=False)
    round_trips_s: deque[float] = field(default_factory=lambda: deque(maxlen=64), repr=False)
    """Of the latest requests that were answered at once."""

    @property
    def lost(self) -> int:
        """Requests that the line lost or damaged, or their answers, as far as is known."""
        # Each late answer shows that a repeat was not needed, of whichever request.
        return max(0, min(self.presumed_lost, self.repeats - self.late_replies))

    @property
    def round_trip_median_s(self) -> float:
        """Of the latest requests; 0 before the first."""
        return statistics.median(self.round_trips_s) if self.round_trips_s else 0.0


class RoundTrip:
    """How long to wait for an answer before asking again.

    The smoothing is TCP's (RFC 6298), and so is the rule that only requests answered at the first
    try are measured: of a repeated one nobody knows which try was answered.
    """

    def __init__(self) -> None:
        self._soon_s = _SOON_S
        self._smoothed_s: float | None = None

    def late(self) -> None:
        """An answer came after its request had been repeated: that was too soon."""
        self._soon_s = min(2 * self._soon_s, _LEAST_S)

    def measured(self, round_trip_s: float) -> None:
        self._soon_s = max(_SOONER * self._soon_s, _SOON_S)
        if self._smoothed_s is None:
            self._smoothed_s = round_trip_s
        else:
            self._smoothed_s += (round_trip_s - self._smoothed_s) / 8

    def timeout_s(self, line_is_bad: bool) -> float:
        """Waiting long costs most on a line that loses much, and a needless repeat costs little."""
        round_trip_s = self._smoothed_s or 0.0
        if line_is_bad:
            return min(self._soon_s + 2 * round_trip_s, _MOST_S)
        return min(_LEAST_S + 4 * round_trip_s, _MOST_S)


class LineRate:
    """How fast a line carries bytes that is behind a socket, as far as it has shown."""

    def __init__(self) -> None:
        self.baud = 0
        """0 if there is no such line."""

    def assume(self, baud: int) -> None:
        """To be called once it is known that there is a line, and whenever it starts anew."""
        self.baud = max(self.baud, baud)

    def carried(self, size_bytes: int, duration_s: float) -> None:
        """A request of this size was answered after this time, so it has passed within it."""
        if self.baud and duration_s > 0:
            self.baud = max(self.baud, int(size_bytes * BITS_PER_BYTE / duration_s))


def stood_still_s(waited_s: float, wait_s: float) -> float:
    """How much of a wait of `wait_s`, which took `waited_s`, this program did not run.

    A program that is stopped, frozen or on a computer that sleeps hears nothing, whoever speaks.
    """
    late_s = waited_s - wait_s
    return late_s if late_s > _LATE_S else 0.0


class Patience:
    """When a device that does not answer is given up.

    That takes both time and tries: a slow line leaves time for few tries, which may all be lost.
    """

    def __init__(self, limit_s: float, now_s: float) -> None:
        self._limit_s = limit_s
        self._since_s = now_s
        self._tries_least = int(limit_s / _SECONDS_PER_TRY)
        self.tries = 1
        """Times the device was asked since it was heard."""

    def heard(self, at_s: float) -> None:
        """The device gave a sign of life, perhaps one that is known already."""
        if at_s > self._since_s:
            self._since_s = at_s
            self.tries = 1

    def leave_out(self, seconds: float) -> None:
        """So much of the time since the device was heard is no silence."""
        self._since_s += seconds

    def silent_s(self, now_s: float) -> float:
        return now_s - self._since_s

    def is_over(self, now_s: float) -> bool:
        silent_s = self.silent_s(now_s)
        if silent_s <= self._limit_s:
            return False
        few_are_enough = silent_s > _LONG * self._limit_s
        return self.tries >= (
            min(self._tries_least, _FEW_TRIES) if few_are_enough else self._tries_least
        )

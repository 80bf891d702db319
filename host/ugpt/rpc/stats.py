"""What a link counts and measures about itself."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field


@dataclass
class LinkStats:
    """Counters since the connection was opened."""

    requests: int = 0
    repeats: int = 0
    """Requests sent again because no answer came in time."""
    late_replies: int = 0
    """Answers nobody waits for any more: mostly to repeats that were not needed."""
    bad_frames: int = 0
    """Frames that did not survive the way here."""
    bytes_sent: int = 0
    bytes_received: int = 0
    baud: int = 0
    """The rate of the line; 0 where there is none."""
    window: int = 1
    """Requests that may be in flight."""
    round_trips_s: deque[float] = field(default_factory=lambda: deque(maxlen=64), repr=False)
    """Of the latest requests that were answered at once."""

    @property
    def round_trip_last_s(self) -> float:
        """0 before the first."""
        return self.round_trips_s[-1] if self.round_trips_s else 0.0

    @property
    def round_trip_median_s(self) -> float:
        """Of the latest requests; 0 before the first."""
        return statistics.median(self.round_trips_s) if self.round_trips_s else 0.0


class RoundTrip:
    """How long to wait for an answer before asking again.

    The smoothing is TCP's (RFC 6298), and so is the rule that only requests answered at the first
    try are measured: of a repeated one nobody knows which try was answered.
    """

    def __init__(self, least_s: float, most_s: float) -> None:
        self._least_s = least_s
        self._most_s = most_s
        self._smoothed_s: float | None = None

    def measured(self, round_trip_s: float) -> None:
        if self._smoothed_s is None:
            self._smoothed_s = round_trip_s
        else:
            self._smoothed_s += (round_trip_s - self._smoothed_s) / 8

    @property
    def timeout_s(self) -> float:
        return min(self._least_s + 4 * (self._smoothed_s or 0.0), self._most_s)

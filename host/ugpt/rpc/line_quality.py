"""How often a line damages bytes, and how long a frame on it should be."""

from __future__ import annotations

import math

MEMORY_BYTES = 16 * 1024
"""What was seen so many bytes ago counts for 1 / e."""
LEAST_DATA_BYTES = 64

# As if a quarter of an error had been seen in a thousand bytes: a connection begins with frames of
# half a kilobyte, and has the longest after some ten clean kilobytes.
_PRIOR_ERRORS = 0.25
_PRIOR_BYTES = 1000
# What a request and its response take besides the data, and what is lost when one of them is.
_OVERHEAD_BYTES = 70
_BAD_RATE = 1e-4
_BAD_ERRORS = 1.5  # one may be an accident


class LineQuality:
    """Counts the bytes of a line and the errors among them; the past fades."""

    def __init__(self) -> None:
        self._bytes = 0.0
        self._errors = 0.0

    def carried(self, size_bytes: int) -> None:
        """So many bytes were sent or came."""
        fading = math.exp(-size_bytes / MEMORY_BYTES)
        self._bytes = self._bytes * fading + size_bytes
        self._errors *= fading

    def damaged(self, frames: int = 1) -> None:
        """Frames came damaged, or had to be sent again."""
        self._errors += frames

    def forgive(self) -> None:
        """A frame that counts as damaged had only been late."""
        self._errors = max(0.0, self._errors - 1)

    @property
    def byte_error_rate(self) -> float:
        return (self._errors + _PRIOR_ERRORS) / (self._bytes + _PRIOR_BYTES)

    @property
    def is_bad(self) -> bool:
        """Whether frames must be expected to get lost."""
        return self._errors > _BAD_ERRORS and self.byte_error_rate > _BAD_RATE

    @property
    def data_bytes(self) -> int:
        """How much data a frame should hold.

        Of frames with n bytes of data and h of other things a share of exp(-p (n + h)) passes at
        the error rate p, and most data does with n = sqrt(h / p), while that is more than h.
        """
        return max(int(math.sqrt(_OVERHEAD_BYTES / self.byte_error_rate)), LEAST_DATA_BYTES)

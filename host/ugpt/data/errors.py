"""What can be wrong with a training text."""

from __future__ import annotations

from ..errors import UgptError


class DataError(UgptError):
    """A training text is absent, empty or not text."""

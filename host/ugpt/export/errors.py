"""What can be wrong with an export."""

from __future__ import annotations

from ..errors import UgptError


class ExportError(UgptError):
    """A run cannot be written in a format, or not to a place."""

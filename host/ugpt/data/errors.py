"""What can be wrong with a training text."""

from __future__ import annotations

from pathlib import Path

from ..errors import UgptError


class DataError(UgptError):
    """A training text is absent, empty or not text."""


class ReadOnce(DataError):
    """A text is in a pipe with a name, and a run must be able to read it again."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is a pipe, which can be read only once.",
            "Give - in its place, and the text as standard input.",
        )
        self.path = path

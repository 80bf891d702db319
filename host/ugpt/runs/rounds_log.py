"""rounds.jsonl of a joint run: what each round has cost, one object a round."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from .files import append_whole

NAME = "rounds.jsonl"


class RoundsLog:
    """Rounds that there is no room for are kept in memory, and written with those that follow."""

    def __init__(self, folder: Path, may_write: Callable[[], None]) -> None:
        """`may_write` raises RunError if the path no longer leads to the folder of the run."""
        self._path = folder / NAME
        self._may_write = may_write
        self._unwritten = b""

    def record(self, values: Mapping[str, object]) -> None:
        """Raises RunError, leaving the file as it was, if it cannot be written."""
        self._unwritten += f"{json.dumps(values)}\n".encode()
        self.flush()

    def flush(self) -> None:
        """Writes what there was no room for. Raises RunError, DiskFull if there is none yet."""
        if self._unwritten:
            self._may_write()
            append_whole(self._path, self._unwritten)
            self._unwritten = b""

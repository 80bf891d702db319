"""rounds.jsonl of a joint run: what each round has cost, one object a round."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from .files import open_plain, write_all, write_error

NAME = "rounds.jsonl"


def log_round(folder: Path, values: Mapping[str, object]) -> None:
    """Appends a line. Raises RunError, leaving the file as it was, if it cannot be written."""
    path = folder / NAME
    try:
        descriptor = open_plain(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            size = os.fstat(descriptor).st_size
            try:
                write_all(descriptor, f"{json.dumps(values)}\n".encode())
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise write_error(path, error) from None

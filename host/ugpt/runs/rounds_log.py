"""rounds.jsonl of a joint run: what each round has cost, one object a round."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from .files import append_whole

NAME = "rounds.jsonl"


def log_round(folder: Path, values: Mapping[str, object]) -> None:
    """Appends a line. Raises RunError, leaving the file as it was, if it cannot be written."""
    append_whole(folder / NAME, f"{json.dumps(values)}\n".encode())

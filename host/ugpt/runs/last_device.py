"""The device that was trained last: a convenience that may be missing or wrong.

Whoever asks for its model without naming a device means that one.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ..storage.state_folder import state_folder
from .errors import RunError
from .files import read_file, write_atomically
from .identity import Identity

_MOST_BYTES = 2**16


@dataclass(frozen=True)
class LastDevice:
    """A device and the folder of its run."""

    identity: Identity
    run: Path

    def remember(self) -> None:
        """As far as it can be written down."""
        content = json.dumps({"identity": asdict(self.identity), "run": str(self.run)})
        with contextlib.suppress(RunError, OSError, ValueError):
            file = _file()
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, content.encode())

    @classmethod
    def recall(cls) -> Self | None:
        """None if nothing is remembered, or nothing that makes sense."""
        try:
            values = json.loads(read_file(_file(), _MOST_BYTES) or b"")
            return cls(Identity.from_values(values["identity"]), Path(values["run"]))
        except (RunError, OSError, KeyError, TypeError, ValueError, RecursionError):
            return None


def _file() -> Path:
    return state_folder() / "last-device.json"

"""Where ugpt keeps what it remembers between calls. Nothing that it does depends on that."""

from __future__ import annotations

import errno
from pathlib import Path

import platformdirs


def state_folder() -> Path:
    """The folder, which may be absent or closed. Raises OSError if this user has no home folder."""
    try:
        folder = platformdirs.user_state_path("ugpt")
    except (RuntimeError, ValueError):  # newer versions refuse what older ones leave as it is
        folder = Path()
    if not folder.is_absolute():  # such as ~/.local/state, of a user whom nobody knows
        raise FileNotFoundError(errno.ENOENT, "this user has no home folder")
    return folder

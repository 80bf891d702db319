"""Dask, which only joint training needs, and which is installed for it."""

from __future__ import annotations

from importlib.util import find_spec

from .errors import NoDask


def require_dask() -> None:
    """Raises NoDask if it is not installed. Finding out imports nothing of it."""
    if find_spec("distributed") is None:
        raise NoDask(
            "Training one model on many boards needs Dask, which is not installed.",
            "Install it: pip install 'ugpt-esp32[fleet]'",
        )

"""Libraries that only many boards need, and that an installation may lack."""

from __future__ import annotations

from importlib.util import find_spec

from ..wording import install_command
from .errors import FleetError


def require_extra(module: str, purpose: str) -> None:
    """Raises FleetError if the module, which the extra `fleet` brings, is not installed.

    `purpose` is what needs it, such as `ugpt sweep`. Finding out imports nothing.
    """
    if find_spec(module) is None:
        raise FleetError(
            f"{purpose} needs {module}, which is not installed.",
            f"Install it: {install_command(extra='fleet')}",
        )

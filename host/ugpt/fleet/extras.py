"""Libraries that only many boards need, and that an installation may lack."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import FleetError


def extra(module: str, purpose: str) -> Any:
    """The module, which the extra `fleet` brings. Raises FleetError if it is not installed.

    `purpose` is what needs it, such as `ugpt sweep`.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise FleetError(
            f"{purpose} needs {module}, which is not installed.",
            "pip install 'ugpt-esp32[fleet]' (in a checkout: pip install '.[fleet]')",
        ) from None

"""What can be wrong with a firmware image, and with the programs that make one."""

from __future__ import annotations

from ..errors import UgptError


class ImageError(UgptError):
    """A firmware image is absent, damaged or not for this board."""


class ToolError(UgptError):
    """Another program that is needed is absent or failed."""

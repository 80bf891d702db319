"""What can be wrong with a pretrained model."""

from __future__ import annotations

from ..errors import UgptError


class ModelFileError(UgptError):
    """A file is no pretrained model, or one that no board can read."""


class NewerImage(ModelFileError):
    """An image of a later version of the format."""

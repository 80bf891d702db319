"""The firmware images that came with the package.

The release workflow builds them and puts them into this folder before it builds the package. A
clone has none, unless somebody puts them there.
"""

from __future__ import annotations

from pathlib import Path

from .. import __version__
from .errors import ImageError

FOLDER = Path(__file__).with_name("images")

_PREFIX, _SUFFIX = f"ugpt-{__version__}-", ".bin"


def bundled_images() -> dict[str, Path]:
    """The images of this very version, by environment of platformio.ini."""
    return {
        path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX): path
        for path in sorted(FOLDER.glob(f"{_PREFIX}*{_SUFFIX}"))
    }


def require_bundled(environment: str) -> Path:
    """Raises ImageError if there is no image for this environment."""
    images = bundled_images()
    if environment not in images:
        raise ImageError(
            f"No firmware for {environment} came with ugpt, only for {', '.join(images)}.",
            "Choose one of these with --env, name an image with --image, or build with --build.",
        )
    return images[environment]

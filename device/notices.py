"""The notices of what a firmware image contains: notices.toml with the texts of the licences.

    python device/notices.py ~/.platformio/packages/framework-espidf > NOTICES.txt

The texts are taken word for word from the ESP-IDF that built the image.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

DEVICE = Path(__file__).resolve().parent
TABLE = DEVICE / "notices.toml"
LICENCE = DEVICE.parent / "LICENSE"

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LINE = "-" * 80


class NoticeError(Exception):
    """A text that the licences demand is missing."""


@dataclass(frozen=True)
class Component:
    """A row of notices.toml; either `file` or `text` holds its licence."""

    name: str
    purpose: str
    holder: str
    licence: str
    file: str = ""
    comment: str = ""
    text: str = ""


def read_components(table: Path = TABLE) -> list[Component]:
    with table.open("rb") as file:
        return [Component(**row) for row in tomllib.load(file)["component"]]


def licence_text(component: Component, framework: Path) -> str:
    """Raises NoticeError if the framework does not hold it."""
    if component.text:
        return component.text.strip("\n")
    path = framework / component.file
    try:
        content = path.read_text("utf-8")
    except OSError as error:
        raise NoticeError(
            f"The licence of {component.name} cannot be read: {path}: {error.strerror}. "
            "Name the folder of ESP-IDF, or correct device/notices.toml."
        ) from None
    if component.comment:
        found = (c for c in _COMMENT.findall(content) if component.comment in c)
        content = next(found, "")
    if not content.strip():
        raise NoticeError(
            f"{path} does not hold the licence of {component.name} any more. "
            "Correct device/notices.toml."
        )
    return content.strip("\n")


def notices(framework: Path) -> str:
    """The whole of NOTICES.txt."""
    components = read_components()
    own = LICENCE.read_text("utf-8").strip("\n")
    chapters = [
        "The firmware images of ugpt hold ugpt itself and the software listed here.",
        f"ugpt\nLicence: MIT\n\n{own}",
    ]
    chapters += [
        f"{c.name}\n{c.purpose}\nCopyright: {c.holder}\nLicence: {c.licence}\n\n"
        + licence_text(c, framework)
        for c in components
    ]
    return f"\n\n{_LINE}\n".join(chapters) + "\n"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: notices.py FRAMEWORK_FOLDER", file=sys.stderr)
        return 2
    try:
        text = notices(Path(arguments[0]))
    except NoticeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A list of boards in a file, each with its port and, if wanted, a name.

[[board]]
name = "window"
port = "socket://127.0.0.1:5600"
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ..errors import reason_of
from ..storage.plain_file import TooLarge, read_plain
from .errors import BadBoardsFile

DEFAULT_FILE = Path("boards.toml")
"""The list of boards that is used if none is named, if there is one."""

_MOST_BYTES = 2**20
_NAME = re.compile(r"\w[\w.-]{0,39}")
# Boards without a name in the file are called so.
_TAKEN = re.compile(r"virtual-\w+")
_KEYS = {"name", "port"}
_ADVICE = "docs/fleet.md shows such a file."


@dataclass(frozen=True)
class ListedBoard:
    """An entry of the file."""

    port: str
    name: str = ""
    """What the user calls it; empty if the board is to be called after its chip."""


def read_boards_file(path: Path) -> tuple[ListedBoard, ...]:
    """The boards in a file. Raises BadBoardsFile, which names the entry that makes no sense."""
    try:
        # Editors of Windows put a byte order mark in front.
        values = tomllib.loads(read_plain(path, _MOST_BYTES).decode("utf-8-sig"))
    except TooLarge:
        raise BadBoardsFile(f"{path} is too large for a list of boards.", _ADVICE) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadBoardsFile(
            f"The list of boards {path} cannot be read: {reason_of(error)}.", _ADVICE
        ) from error
    return _boards(path, values)


def _boards(path: Path, values: dict[str, object]) -> tuple[ListedBoard, ...]:
    entries = values.pop("board", [])
    if values:
        raise BadBoardsFile(f"{path} has an entry {next(iter(values))!r}, not [[board]].", _ADVICE)
    if not isinstance(entries, list):
        raise BadBoardsFile(f"In {path} each board begins with [[board]].", _ADVICE)
    boards = tuple(_board(path, number, entry) for number, entry in enumerate(entries, 1))
    names = [board.name for board in boards if board.name]
    for name in names:
        if names.count(name) > 1:
            raise BadBoardsFile(f"{path} has more than one board called {name}.", _ADVICE)
    return boards


def _board(path: Path, number: int, entry: object) -> ListedBoard:
    if not isinstance(entry, dict):
        raise BadBoardsFile(f"In {path} each board begins with [[board]].", _ADVICE)
    if unknown := sorted(set(entry) - _KEYS):
        raise BadBoardsFile(f"Board {number} in {path} has an unknown key {unknown[0]!r}.", _ADVICE)
    port, name = entry.get("port", ""), entry.get("name", "")
    if not isinstance(port, str) or not port:
        raise BadBoardsFile(f"Board {number} in {path} has no port.", _ADVICE)
    if not isinstance(name, str) or (name and not _NAME.fullmatch(name)):
        raise BadBoardsFile(
            f"Board {number} in {path} cannot be called {name!r}.",
            "A name has at most 40 letters, digits, dots and dashes, and no dash or dot in front.",
        )
    if _TAKEN.fullmatch(name):
        raise BadBoardsFile(
            f"Board {number} in {path} cannot be called {name}: virtual boards have such names.",
            "Choose another name.",
        )
    return ListedBoard(port, name)

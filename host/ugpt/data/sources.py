"""Where a text comes from: files, a folder, standard input, or the list of names built in."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import reason_of
from ..wording import counted, quoted
from .advice import pasted, unused
from .errors import DataError, ReadOnce

STANDARD_INPUT = Path("-")
"""In the place of a file: what is piped in."""

BUILT_IN = Path("names")
"""In the place of a file: the list of names that comes with ugpt."""

WANTED = "Give a text file with one document a line, or `names`, the built-in list of names."
TEXTS = (".txt", ".text")
JSON_LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv", ".tab", *JSON_LINES)

_BLOCK_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_SHOWN = 3  # files that a message lists by name


@dataclass(frozen=True)
class Source:
    """Something that holds bytes of text."""

    path: Path
    """As a run records it: absolute, or `-`, or `names`."""
    location: Path
    """Where the bytes are; `-` if they are in `content`."""
    content: bytes | None = None
    """What standard input held."""

    @property
    def name(self) -> str:
        """For a sentence."""
        if self.content is not None:
            return "standard input"
        return "the built-in list of names" if self.path == BUILT_IN else str(self.location)

    @property
    def file(self) -> Path | None:
        """None for standard input."""
        return self.location if self.content is None else None

    def is_named(self, endings: Sequence[str]) -> bool:
        """Whether the file has one of these endings, perhaps with .gz behind it."""
        return _is_named(self.location, endings)

    def blocks(self) -> Iterator[bytes]:
        """The bytes, a .gz unpacked. Raises DataError, also if the file changes meanwhile."""
        if self.content is not None:
            yield from self._unpacked(io.BytesIO(self.content))
            return
        try:
            _require_file(self.location)
            with self.location.open("rb") as file:
                before = os.fstat(file.fileno())
                yield from self._unpacked(file)
                after = os.fstat(file.fileno())
        except FileNotFoundError:
            raise DataError(f"There is no file {self.location}.", WANTED) from None
        except PermissionError:
            raise DataError(f"{self.location} may not be read.", "Check its permissions.") from None
        except (OSError, ValueError) as error:
            raise DataError(
                f"{self.location} could not be read: {reason_of(error)}.", WANTED
            ) from None
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise DataError(
                f"{self.location} changed while it was read.",
                "Try again when no other program writes to it.",
            )

    def _unpacked(self, file: BinaryIO) -> Iterator[bytes]:
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        try:
            stream = gzip.GzipFile(fileobj=file) if packed else file
            while block := stream.read(_BLOCK_BYTES):
                yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(
                f"{self.name} is a damaged .gz file: {error}.", "Make it or fetch it again."
            ) from None


@dataclass(frozen=True)
class Sources:
    """Everything that a run reads, in order."""

    path: Path
    """What was named: the file or folder, the first of several, `-` or `names`."""
    files: tuple[Source, ...]
    passed_over: tuple[str, ...] = ()
    """Files in a folder that are no texts."""

    @property
    def title(self) -> str:
        """For a sentence: such as `towns.txt`, or `3 files`."""
        if len(self.files) > 1:
            return f"{counted(len(self.files), 'file')}"
        (only,) = self.files
        return only.location.name if only.content is None else only.name

    @property
    def described(self) -> str:
        """At more length, for what it holds."""
        return self.files[0].name if len(self.files) == 1 else f"Everything in {self.title}"

    @property
    def stem(self) -> str:
        """What to name a run after."""
        if self.path == STANDARD_INPUT:
            return "stdin"
        return Path(self.path.name.removesuffix(".gz")).stem


def find_sources(named: Path | str | Sequence[Path | str], tables: bool = False) -> Sources:
    """What is meant by `named`; from folders also tables, if wanted. Raises DataError."""
    paths = [Path(each) for each in ([named] if isinstance(named, Path | str) else named)]
    files: list[Source] = []
    passed_over: list[str] = []
    for path in paths:
        if _is_folder(path):
            found, others = _texts_in(path, (*TEXTS, *TABLES) if tables else TEXTS)
            files += found
            passed_over += others
        else:
            files.append(_source(path))
    if sum(source.path == STANDARD_INPUT for source in files) > 1:
        raise DataError("Standard input can be read only once.", "Give - once.")
    first = paths[0] if _is_folder(paths[0]) else files[0].path
    return Sources(
        first if first in (STANDARD_INPUT, BUILT_IN) else first.absolute(),
        tuple(files),
        tuple(passed_over),
    )


def recorded_source(path: Path, kept_input: Path) -> Source:
    """The source of a run that recorded `path`; its standard input is kept in a file."""
    if path == STANDARD_INPUT:
        return Source(path, kept_input)
    return Source(path, built_in_names() if path == BUILT_IN else path)


def built_in_names() -> Path:
    """The list of names: beside this file in an installed package, else in the repository."""
    installed = Path(__file__).with_name("names.txt")
    return installed if installed.exists() else Path(__file__).parents[3] / "data" / "names.txt"


def _source(path: Path) -> Source:
    if path == STANDARD_INPUT:
        return Source(path, path, _read_standard_input())
    if path == BUILT_IN and not os.access(path, os.F_OK):
        return Source(path, built_in_names())
    _require_no_address(path)
    return Source(path.absolute(), path)


def _texts_in(folder: Path, kinds: Sequence[str]) -> tuple[list[Source], list[str]]:
    """The texts in a folder and the folders in it, by name, and the names of all other files."""
    try:
        files = [path for path in sorted(folder.rglob("*"), key=Path.as_posix) if path.is_file()]
    except OSError as error:
        where = error.filename or folder
        raise DataError(
            f"The folder {folder} could not be read: {where}: {reason_of(error)}.",
            "Check its permissions, or name the files.",
        ) from None
    seen = [path for path in files if not _is_hidden(path.relative_to(folder))]
    texts = [Source(path.absolute(), path) for path in seen if _is_named(path, kinds)]
    others = [path for path in seen if not _is_named(path, kinds)]
    names = [path.name for path in others]
    if not texts:
        tables = any(_is_named(path, TABLES) for path in others)
        raise DataError(
            f"The folder {folder} holds no texts ({', '.join(kinds)})"
            f"{f', only {names_of(names)}' if names else ''}.",
            "For one column of its tables: --column NAME"
            if tables
            else "Name the files, for instance with a wildcard.",
        )
    return texts, names


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _is_named(path: Path, endings: Sequence[str]) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(tuple(endings))


def _read_standard_input() -> bytes:
    closed = "Pipe a text in, or name a file."
    if sys.stdin is None:
        raise DataError("Standard input is closed.", closed)
    try:
        return sys.stdin.buffer.read()
    except (OSError, ValueError) as error:
        raise DataError(f"Standard input could not be read: {reason_of(error)}.", closed) from None


def names_of(names: Sequence[str]) -> str:
    """The first of `names`, and how many more there are."""
    shown = ", ".join(names[:_SHOWN])
    rest = len(names) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False  # reading it says what is wrong


def _require_file(path: Path) -> None:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a folder.", WANTED)
    if not stat.S_ISREG(mode):
        if stat.S_ISFIFO(mode):
            raise ReadOnce(path)
        kind = "a device, which may have no end" if _is_device(mode) else "no file"
        raise DataError(f"{path} is {kind}.", WANTED)


def _is_device(mode: int) -> bool:
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def _require_no_address(path: Path) -> None:
    scheme, _, rest = str(path).partition(":/")
    if scheme.lower() in ("http", "https", "ftp") and rest:
        address = f"{scheme}://{rest.lstrip('/')}"
        last = re.split("[?#]", address)[0].rstrip("/").rpartition("/")[2]
        name = unused(Path(last or "text.txt"))
        raise DataError(
            f"{address} is an address, and ugpt reads files.",
            f"Fetch it first: curl -L -o {pasted(name)} {quoted(address)}",
        )

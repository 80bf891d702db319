"""Data sets of one document a line, and the vocabulary of characters they define."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import InvalidValue
from .errors import DataError

VOCABULARY_LIMIT = 65534
"""The most characters a vocabulary can hold: token ids are 16 bits wide, and BOS takes one."""

_WANTED = "Give a text file, saved as UTF-8, with one document a line."


@dataclass(frozen=True)
class Vocabulary:
    """Characters in the order of their token ids 0..k-1; the beginning-of-sequence token is k."""

    characters: str

    @classmethod
    def of(cls, documents: Iterable[str]) -> Vocabulary:
        """The sorted distinct characters of `documents`."""
        return cls("".join(sorted(set("".join(documents)))))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {character: token for token, character in enumerate(self.characters)}

    @property
    def bos(self) -> int:
        return len(self.characters)

    @property
    def size(self) -> int:
        """Number of tokens, BOS included."""
        return len(self.characters) + 1

    def encode(self, text: str) -> list[int]:
        """The tokens of `text`. Raises DataError naming a character that has none."""
        ids = self._ids
        try:
            return [ids[character] for character in text]
        except KeyError as error:
            raise DataError(
                f"The character {error.args[0]!r} is not in the vocabulary of the model.",
                f"Use only these: {self.excerpt()}",
            ) from None

    def decode(self, tokens: Iterable[int]) -> str:
        return "".join(self.characters[token] for token in tokens)

    def excerpt(self, limit: int = 60) -> str:
        """The characters for a message to the user, cut if they are many."""
        if len(self.characters) <= limit:
            return repr(self.characters)
        return f"{self.characters[:limit]!r} and {len(self.characters) - limit} others"


@dataclass(frozen=True)
class Dataset:
    """A text file as documents, in file order, duplicates kept."""

    path: Path
    sha256: str
    documents: tuple[str, ...]
    vocabulary: Vocabulary

    @classmethod
    def load(cls, path: Path) -> Dataset:
        """Reads a UTF-8 text file. Raises DataError with what to do about it."""
        content = _read(path)
        text = _decode(content, path)
        stripped = (line.strip() for line in text.split("\n"))
        documents = tuple(line for line in stripped if line)
        if not documents:
            raise DataError(f"{path} holds no text.", "Give it one document (a name, say) a line.")
        vocabulary = Vocabulary.of(documents)
        if vocabulary.bos > VOCABULARY_LIMIT:
            raise DataError(
                f"{path} uses {vocabulary.bos:,} different characters, but a vocabulary holds "
                f"{VOCABULARY_LIMIT:,} at most.",
                "Use a text in one script.",
            )
        return cls(path, hashlib.sha256(content).hexdigest(), documents, vocabulary)


def training_order(documents: Sequence[str], generator: random.Random) -> list[str]:
    """The documents in the order in which they are trained on, over and over."""
    shuffled = list(documents)
    generator.shuffle(shuffled)
    return shuffled


def positions(text: str, block_size: int) -> int:
    """At how many positions of a document the next token is predicted, BOS at its end included."""
    return min(len(text) + 1, block_size)


@dataclass(frozen=True)
class Split:
    """Documents to train on, in that order, and those of the validation."""

    training: Sequence[str]
    validation: Sequence[str]


def split_documents(documents: Sequence[str], seed: int, held_out: int) -> Split:
    """Holds out the last `held_out` documents of the training order of `seed`.

    Those before them keep their order, so that a run that never gets to the end of the documents is
    the same run with and without a part held out.
    """
    order = training_order(documents, random.Random(seed))
    first = len(order) - held_out
    return Split(order[:first], order[first:])


def count_held_out(wanted: str, documents: int) -> int:
    """How many of so many documents `10%` or `500` are. Raises InvalidValue in words."""
    advice = "Give a share such as 10%, or a number of documents."
    try:
        count = (
            round(documents * float(wanted.removesuffix("%")) / 100)
            if wanted.endswith("%")
            else int(wanted)
        )
    except (ValueError, OverflowError):
        raise InvalidValue(f"--holdout {wanted} is no part of a file.", advice) from None
    if count < 1:
        raise InvalidValue(f"--holdout {wanted} of {documents:,} documents is none.", advice)
    if count >= documents:
        raise InvalidValue(
            f"--holdout {wanted} leaves none of {documents:,} documents to train on.", advice
        )
    return count


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.", _WANTED) from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder.", _WANTED) from None
    except PermissionError:
        raise DataError(f"{path} may not be read.", "Check its permissions.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} could not be read: {error}.", _WANTED) from None


def _decode(content: bytes, path: Path) -> str:
    """UTF-8 text with every line end turned into a newline; a byte order mark is dropped."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} is not UTF-8 text: byte 0x{content[error.start]:02x} in line {line}.", _WANTED
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path} looks binary: a zero byte in line {line}.", _WANTED)
    return text.replace("\r\n", "\n").replace("\r", "\n")

"""Texts as data sets: documents, and the vocabulary of characters they define."""

from __future__ import annotations

import hashlib
import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidValue, UnfitValue
from ..wording import counted
from .documents import Documents, lengths_of
from .errors import DataError
from .intake import Intake
from .reading import ReadFile, Reading
from .sources import Sources, find_sources
from .vocabulary import VOCABULARY_LIMIT, Vocabulary


@dataclass(frozen=True)
class Dataset:
    """What a model is trained on, in the order of the files, duplicates kept unless told not to."""

    path: Path
    """The file or folder, the first of several, `-` for standard input, or `names`."""
    sha256: str
    """Of the content of the file; of several, of their digests."""
    documents: Documents
    vocabulary: Vocabulary
    sources: Sources
    reading: Reading
    files: tuple[ReadFile, ...]
    encodings: tuple[str, ...]
    uncut: Documents
    """The documents before they were cut into windows."""
    changes: tuple[str, ...]
    """What was done to the text, in sentences."""
    hints: tuple[str, ...]
    """What the user may have meant otherwise, in sentences."""

    @classmethod
    def load(
        cls,
        named: Path | str | Sequence[Path | str] | Sources,
        reading: Reading | None = None,
        block_size: int = 16,
    ) -> Dataset:
        """Reads texts; windows have `block_size` characters. Raises DataError with what to do.

        `named` is a file, a folder, several of them, `-` or `names`.
        """
        how = reading or Reading()
        how.require_sense(block_size)
        sources = named if isinstance(named, Sources) else find_sources(named, bool(how.column))
        intake = Intake(sources, how)
        uncut = Documents.gather(intake.batches())
        if not uncut:
            raise DataError(
                f"{sources.described} holds no text.", "Give it one document (a name, say) a line."
            )
        vocabulary = _vocabulary(uncut, sources)
        changes = intake.changes
        if how.dedupe:
            before, uncut = len(uncut), uncut.without_duplicates()
            if dropped := before - len(uncut):
                repeated = "repeats another and was" if dropped == 1 else "repeat others and were"
                changes.append(f"{dropped:,} of {before:,} documents {repeated} left out.")
        documents = uncut
        if how.overlap is not None:
            documents = uncut.windows(block_size, how.overlap, full=how.text)
        return cls(
            sources.path,
            _digest(intake.files),
            documents,
            vocabulary,
            sources,
            how,
            tuple(intake.files),
            tuple(intake.encodings),
            uncut,
            tuple(changes),
            tuple(intake.hints),
        )

    @property
    def title(self) -> str:
        """For a sentence: such as `towns.txt`, or `3 files`."""
        return self.sources.title

    @property
    def standard_input(self) -> bytes | None:
        """What was read from there; None if nothing was."""
        contents = (source.content for source in self.sources.files)
        return next((content for content in contents if content is not None), None)


def training_order(documents: Sequence[str], generator: random.Random) -> Sequence[str]:
    """The documents in the order in which they are trained on, over and over."""
    # The same exchanges as of a list of the documents, and the same draws.
    order = array("I" if len(documents) < 2**32 else "Q", range(len(documents)))
    generator.shuffle(order)
    if isinstance(documents, Documents):
        return documents.permuted(np.frombuffer(order, f"u{order.itemsize}"))
    return [documents[index] for index in order]


def positions(text: str, block_size: int) -> int:
    """At how many positions of a document the next token is predicted, BOS at its end included."""
    return min(len(text) + 1, block_size)


def positions_of(documents: Sequence[str], block_size: int) -> NDArray[np.uint32]:
    """`positions` of each document."""
    return np.minimum(lengths_of(documents), np.uint32(block_size - 1)) + np.uint32(1)


@dataclass(frozen=True)
class Split:
    """Documents to train on, in that order, and those of the validation."""

    training: Sequence[str]
    validation: Sequence[str]


def split_documents(documents: Sequence[str], seed: int, validation_documents: int) -> Split:
    """Holds out the last `validation_documents` documents of the training order of `seed`.

    Those before them keep their order, so that a run that never gets to the end of the documents is
    the same run with and without a part held out.
    """
    order = training_order(documents, random.Random(seed))
    first = len(order) - validation_documents
    return Split(order[:first], order[first:])


def count_validation(wanted: str, documents: int) -> int:
    """How many of so many documents `10%` or `500` are.

    Raises InvalidValue in words, UnfitValue if it is the number of documents that forbids it.
    """
    advice = "Give a share such as 10%, or a number of documents."
    is_share = wanted.endswith("%")
    try:
        part = float(wanted.removesuffix("%")) if is_share else int(wanted)
        count = round(documents * part / 100) if is_share else int(part)
    except (ValueError, OverflowError):
        raise InvalidValue(f"--holdout {wanted} is not a part of a file.", advice) from None
    held = f"--holdout {wanted}"
    if count < 1:
        error = UnfitValue if part > 0 else InvalidValue
        raise error(f"{held} of {counted(documents, 'document')} is none.", advice)
    if count >= documents:
        error = InvalidValue if is_share and part >= 100 else UnfitValue
        raise error(f"{held} leaves none of {counted(documents, 'document')} to train on.", advice)
    return count


def _vocabulary(documents: Documents, sources: Sources) -> Vocabulary:
    """The characters of the documents. Raises DataError if there are too many."""
    vocabulary = Vocabulary.of(documents.pieces)
    if vocabulary.bos > VOCABULARY_LIMIT:
        raise DataError(
            f"{sources.described} uses {vocabulary.bos:,} different characters, but a "
            f"vocabulary holds {VOCABULARY_LIMIT:,} at most.",
            "Use a text in one script.",
        )
    return vocabulary


def _digest(files: Sequence[ReadFile]) -> str:
    """Of one file its own digest, of several one of them all."""
    if len(files) == 1:
        return files[0].sha256
    return hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()

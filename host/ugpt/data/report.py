"""What a person should know of a text before a model is trained on it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from ..wording import counted
from .dataset import Dataset
from .documents import Documents

BLOCK_SIZES = (32, 64)
"""Contexts that are suggested: the standard model has room for them on a plain ESP32."""

_HELD = 0.99  # share of the documents that a suggested context holds, if any does
_CODE_POINTS = 0x110000
_AT_ONCE = 1 << 20  # characters counted together


@dataclass(frozen=True)
class Unused:
    """What a context leaves unused."""

    block_size: int
    documents: int
    longer: int
    """Documents that are longer than the context."""
    share: float
    """Of all characters, those that no step sees."""
    better_block_size: int | None
    """A longer context to try, if there is one."""

    @classmethod
    def of(cls, documents: Documents, block_size: int) -> Unused:
        lengths = documents.lengths
        used = int(np.minimum(lengths, block_size).sum(dtype=np.int64))
        longer = int((lengths > block_size).sum())
        better = _better_block_size(documents, block_size) if longer else None
        share = 1 - used / documents.characters
        return cls(block_size, len(documents), longer, share, better)

    def __str__(self) -> str:
        are = "is" if self.documents == 1 else "are"
        block = f"--block-size {self.better_block_size}" if self.better_block_size else "--window 0"
        return (
            f"{self.longer:,} of {counted(self.documents, 'document')} {are} longer than "
            f"{counted(self.block_size, 'character')}; {percent(self.share)} of the text is not "
            f"used; try {block}, or --text"
        )


def percent(share: float) -> str:
    """Such as `98%`; 0% and 100% only if it is that exactly."""
    if 0 < share < 0.01:
        return "less than 1%"
    return f"{min(round(100 * share), 99) if share < 1 else 100}%"


def remarks(dataset: Dataset, block_size: int) -> list[str]:
    """What was done to the text, and what the user may want otherwise."""
    said = [*dataset.changes, *dataset.hints]
    if mixes_forms(dataset):
        said.append(
            "The text writes accented letters in two ways, as one character and as two (Unicode's "
            "NFC and NFD); make them one: uconv -x any-nfc FILE > NEW"
        )
    unused = Unused.of(dataset.documents, block_size)
    if unused.longer:
        said.append(str(unused))
    return said


def mixes_forms(dataset: Dataset) -> bool:
    """Whether some letters are composed of a letter and marks, and others are one character."""
    if not any(len(unicodedata.normalize("NFD", c)) > 1 for c in dataset.vocabulary.characters):
        return False
    return not all(unicodedata.is_normalized("NFC", piece) for piece in dataset.uncut.pieces)


@dataclass(frozen=True)
class Examination:
    """Everything about a text that can be known without a board."""

    files: tuple[str, ...]
    encodings: tuple[str, ...]
    documents: int
    """Before they are cut into windows."""
    windows: int | None
    characters: int
    longest: int
    median: int
    duplicates: int
    alphabet: str
    once: str
    """Characters that occur only once."""
    block_size: int
    longer: int
    unused_share: float
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset, block_size: int) -> Examination:
        documents = dataset.uncut
        unused = Unused.of(dataset.documents, block_size)
        counts = _count_characters(documents)
        alphabet = dataset.vocabulary.characters
        return cls(
            files=tuple(str(file.path) for file in dataset.files),
            encodings=dataset.encodings,
            documents=len(documents),
            windows=None if dataset.reading.overlap is None else len(dataset.documents),
            characters=documents.characters,
            longest=int(documents.lengths.max()),
            median=int(np.median(documents.lengths)),
            duplicates=len(documents) - len(documents.without_duplicates()),
            alphabet=alphabet,
            once="".join(compress(alphabet, (counts[ord(c)] == 1 for c in alphabet))),
            block_size=block_size,
            longer=unused.longer,
            unused_share=unused.share,
            remarks=tuple(remarks(dataset, block_size)),
        )


def _better_block_size(documents: Documents, block_size: int) -> int | None:
    """The shortest that holds nearly all documents whole, else the longest."""
    longer = [size for size in BLOCK_SIZES if size > block_size]
    for size in longer:
        if (documents.lengths <= size).mean() >= _HELD:
            return size
    return longer[-1] if longer else None


def _count_characters(documents: Documents) -> NDArray[np.int64]:
    """How often each code point occurs."""
    counts = np.zeros(_CODE_POINTS, np.int64)
    for chunk in _chunks(documents):
        found = np.bincount(np.frombuffer(chunk.encode("utf-32-le"), "<u4"))
        counts[: len(found)] += found
    return counts


def _chunks(documents: Documents) -> Iterator[str]:
    """All characters, not too many at once."""
    if documents.characters == sum(map(len, documents.pieces)):  # nothing was left out
        for piece in documents.pieces:
            yield from _sliced(piece)
        return
    texts: list[str] = []
    size = 0
    for text in documents:
        texts.append(text)
        size += len(text)
        if size >= _AT_ONCE:
            yield from _sliced("".join(texts))
            texts, size = [], 0
    yield from _sliced("".join(texts))


def _sliced(text: str) -> Iterator[str]:
    for start in range(0, len(text), _AT_ONCE):
        yield text[start : start + _AT_ONCE]

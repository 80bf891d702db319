"""Documents as ranges of a few long texts: a document costs the host eight bytes, not an object."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..wording import counted
from .duplicates import firsts_of_equals

_AT_ONCE = 65_536  # documents turned into Python numbers together

Indexes = Sequence[int] | NDArray[np.integer[Any]]


class Documents(Sequence[str]):
    """A sequence of texts, each a range of one of a few long ones."""

    def __init__(
        self,
        pieces: Sequence[str],
        starts: NDArray[np.unsignedinteger[Any]],
        lengths: NDArray[np.uint32],
    ) -> None:
        """`starts` count from the beginning of the first piece on; no range leaves its piece."""
        self.pieces = pieces
        """All the characters: those of the documents, and of those that were left out."""
        self.lengths = lengths
        """In characters."""
        self._starts = starts
        self._bases = list(accumulate(map(len, pieces), initial=0))

    @classmethod
    def gather(cls, batches: Iterable[Sequence[str]]) -> Documents:
        """The texts of all batches; each batch becomes one piece."""
        pieces: list[str] = []
        lengths: list[NDArray[np.uint32]] = [np.empty(0, np.uint32)]
        for batch in batches:
            pieces.append("".join(batch))
            lengths.append(np.fromiter(map(len, batch), np.uint32, len(batch)))
        joined = np.concatenate(lengths)
        del lengths
        whole = sum(map(len, pieces))
        kind = np.dtype(np.uint32 if whole < 2**32 else np.uint64)
        starts = np.cumsum(joined, dtype=kind)
        np.subtract(starts, joined, out=starts)
        return cls(pieces, starts, joined)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Documents: ...

    def __getitem__(self, index: int | slice) -> str | Documents:
        if isinstance(index, slice):
            return Documents(self.pieces, self._starts[index], self.lengths[index])
        return self._text(int(self._starts[index]), int(self.lengths[index]))

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            yield from map(self._text, self._starts[part].tolist(), self.lengths[part].tolist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Documents, list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{counted(len(self), 'document')}>"

    @property
    def characters(self) -> int:
        """Of all documents together."""
        return int(self.lengths.sum(dtype=np.int64))

    def permuted(self, order: Indexes) -> Documents:
        """The documents of these indexes, in this order."""
        chosen = np.asarray(order)
        starts = np.empty(len(chosen), self._starts.dtype)
        lengths = np.empty(len(chosen), np.uint32)
        for first in range(0, len(chosen), _AT_ONCE):  # NumPy widens indexes to eight bytes
            part = slice(first, first + _AT_ONCE)
            starts[part] = self._starts[chosen[part]]
            lengths[part] = self.lengths[chosen[part]]
        return Documents(self.pieces, starts, lengths)

    def windows(self, size: int, overlap: int, *, full: bool = False) -> Documents:
        """Every document in windows of `size` characters, each sharing `overlap` with the next.

        The last window of a document holds what is left, or, with `full`, as many characters as
        the others: it then begins earlier.
        """
        step = size - overlap
        # Of each document the windows after the first one.
        longer = np.maximum(self.lengths, size) - np.uint32(size)
        more = (longer + np.uint32(step - 1)) // np.uint32(step)
        count = len(self) + int(more.sum(dtype=np.int64))
        if count == len(self):
            return self
        starts = np.empty(count, self._starts.dtype)
        lengths = np.empty(count, np.uint32)
        filled = 0
        for first in range(0, len(self), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            counts = more[part].astype(np.int64) + 1
            whole = np.repeat(self.lengths[part].astype(np.int64), counts)
            ends = np.cumsum(counts)
            offsets = (np.arange(len(whole)) - np.repeat(ends - counts, counts)) * step
            if full:
                offsets = np.minimum(offsets, np.maximum(whole - size, 0))
            made = slice(filled, filled + len(whole))
            starts[made] = np.repeat(self._starts[part], counts) + offsets.astype(starts.dtype)
            lengths[made] = np.minimum(whole - offsets, size)
            filled = made.stop
        return Documents(self.pieces, starts, lengths)

    def without_duplicates(self) -> Documents:
        """The first of every set of equal documents, in the same order."""
        first = firsts_of_equals(self.pieces, self._starts, self.lengths)
        return self if first.all() else self.permuted(np.flatnonzero(first))

    def _text(self, start: int, length: int) -> str:
        if not length:
            return ""
        piece = bisect_right(self._bases, start) - 1
        offset = start - self._bases[piece]
        return self.pieces[piece][offset : offset + length]


def lengths_of(documents: Sequence[str]) -> NDArray[np.uint32]:
    """How many characters each document has."""
    if isinstance(documents, Documents):
        return documents.lengths
    return np.fromiter(map(len, documents), np.uint32, len(documents))

"""Which of many texts are the first of their kind, without making an object of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]

_AT_ONCE = 65_536  # characters or texts that are looked at together
_SHORT = 64  # texts up to here are hashed side by side, longer ones each by itself
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def firsts_of_equals(
    pieces: Sequence[str], starts: Integers, lengths: Integers
) -> NDArray[np.bool_]:
    """Of each text, whether no equal one stands before it.

    Text i has `lengths[i]` characters from `starts[i]` on, counted from the first piece on.
    """
    codes = _codes(pieces)
    hashes = _hashes(codes, starts, lengths)
    narrow = np.dtype(np.uint32 if len(hashes) < 2**32 else np.int64)
    order: Integers = np.argsort(hashes, kind="stable").astype(narrow)
    hashes = hashes[order]
    again = np.flatnonzero(hashes[1:] == hashes[:-1]) + 1
    del hashes
    # The first of a run of equal hashes: where it begins, carried on to its last member.
    begins = again.copy()
    begins[1:][np.diff(again) == 1] = 0
    begins = np.maximum.accumulate(begins, out=begins) - 1
    first = np.ones(len(order), np.bool_)
    others: list[int] = []
    for part in _parts(len(again), _AT_ONCE):
        texts, earlier = order[again[part]], order[begins[part]]
        equal = _equal(codes, starts, lengths, texts, earlier)
        first[texts[equal]] = False
        others += texts[~equal].tolist()
    # Equal hashes of different texts: hardly ever, but then the texts decide.
    seen: set[bytes] = set()
    for text in sorted(others):
        content = codes[int(starts[text]) :][: int(lengths[text])].tobytes()
        first[text] = content not in seen
        seen.add(content)
    return first


def _codes(pieces: Sequence[str]) -> Integers:
    """All characters as numbers of one, two or four bytes, as many as they need."""
    for codec, kind in (("latin-1", "u1"), ("utf-16-le", "<u2")):
        try:
            parts = [np.frombuffer(piece.encode(codec), kind) for piece in pieces]
        except UnicodeEncodeError:
            continue
        if all(len(part) == len(piece) for part, piece in zip(parts, pieces, strict=True)):
            return np.concatenate([np.empty(0, kind), *parts])
    parts = [np.frombuffer(piece.encode("utf-32-le"), "<u4") for piece in pieces]
    return np.concatenate([np.empty(0, "<u4"), *parts])


def _hashes(codes: Integers, starts: Integers, lengths: Integers) -> NDArray[np.uint64]:
    hashes = np.empty(len(lengths), np.uint64)
    for length in range(min(int(lengths.max(initial=0)), _SHORT) + 1):
        texts = np.flatnonzero(lengths == length)
        for part in _parts(len(texts), _AT_ONCE):
            place = starts[texts[part]].astype(np.int64)
            mixed = np.full(len(place), length, np.uint64)
            for _ in range(length):
                mixed ^= codes[place]
                mixed *= _FACTOR
                place += 1
            hashes[texts[part]] = mixed
    for text in np.flatnonzero(lengths > _SHORT).tolist():
        content = codes[int(starts[text]) :][: int(lengths[text])].tobytes()
        hashes[text] = hash(content) & 0xFFFFFFFFFFFFFFFF
    return hashes


def _equal(
    codes: Integers, starts: Integers, lengths: Integers, texts: Integers, others: Integers
) -> NDArray[np.bool_]:
    """Of pairs of texts, whether they are equal."""
    equal: NDArray[np.bool_] = lengths[texts] == lengths[others]
    for length in np.unique(lengths[texts[equal]]).tolist():
        pairs = np.flatnonzero(equal & (lengths[texts] == length))
        if length > _SHORT:
            for pair in pairs.tolist():
                one, other = (codes[int(starts[of[pair]]) :][:length] for of in (texts, others))
                equal[pair] = np.array_equal(one, other)
            continue
        here, there = starts[texts[pairs]].astype(np.int64), starts[others[pairs]].astype(np.int64)
        same = np.ones(len(pairs), np.bool_)
        for at in range(length):
            same &= codes[here + at] == codes[there + at]
        equal[pairs] = same
    return equal


def _parts(size: int, at_once: int) -> Iterator[slice]:
    return (slice(first, first + at_once) for first in range(0, size, at_once))

"""What models without a network reach on a data set: lines that give a loss a meaning."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

_CHARACTERS_MAX = 1_000_000  # more of them would not move the lines by a hundredth

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Baselines:
    """Losses in nats per token, of the documents as they are trained on."""

    uniform: float
    """Of guessing any token of the vocabulary."""
    letter_counts: float
    """Of knowing how often each token occurs."""
    letter_pairs: float
    """Of knowing how often each token follows each other one."""


def baselines(documents: Sequence[str], block_size: int, vocab_size: int) -> Baselines:
    """Counts the tokens of `documents`, cut to the context, and the pairs of neighbours.

    Of a long data set it takes documents at equal distances, to be done in a moment.
    """
    current, following = _pairs(list(_spread(documents, block_size)), block_size)
    pairs = current * (int(following.max(initial=0)) + 1) + following
    pair_entropy = _entropy(pairs) - _entropy(current)
    return Baselines(math.log(vocab_size), _entropy(following), max(pair_entropy, 0.0))


def _spread(documents: Sequence[str], block_size: int) -> Iterator[str]:
    """Documents at equal distances, cut to the context."""
    some = documents[: min(len(documents), 1000)]
    mean_length = sum(min(len(text), block_size) + 1 for text in some) / max(len(some), 1)
    stride = max(math.ceil(len(documents) * mean_length / _CHARACTERS_MAX), 1)
    chosen = (documents[index] for index in range(0, len(documents), stride))
    return (text[:block_size] for text in islice(chosen, _CHARACTERS_MAX))


def _pairs(documents: Sequence[str], block_size: int) -> tuple[Counts, Counts]:
    """The token of each position and the one to be predicted there; 0 begins and ends a text."""
    lengths = np.array([len(text) for text in documents], dtype=np.int64)
    content = "".join(documents).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(content, dtype="<u4")
    tokens = np.unique(codes, return_inverse=True)[1].astype(np.int64) + 1
    # Each text stands after one 0; what follows it is the 0 of the next text, or its own end.
    starts = np.concatenate(([0], np.cumsum(lengths + 1)))
    line = np.zeros(int(starts[-1]) + 1, dtype=np.int64)
    inside = np.ones(len(line), dtype=bool)
    inside[starts] = False
    line[inside] = tokens
    trained = np.ones(len(line) - 1, dtype=bool)
    full = lengths >= block_size
    trained[starts[1:][full] - 1] = False  # the context ends before the end of the text
    return line[:-1][trained], line[1:][trained]


def _entropy(values: Counts) -> float:
    counts = np.unique(values, return_counts=True)[1]
    if not len(counts):
        return 0.0
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())

"""Whether a text is in a data set."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np


class KnownTexts:
    """The documents of a data set, to look texts up in: eight bytes each."""

    def __init__(self, documents: Collection[str]) -> None:
        self._hashes = np.fromiter(map(hash, documents), np.int64, len(documents))
        self._hashes.sort()

    def __contains__(self, text: str) -> bool:
        sought = hash(text)
        at = int(np.searchsorted(self._hashes, sought))
        return at < len(self._hashes) and int(self._hashes[at]) == sought

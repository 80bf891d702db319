"""The characters a model knows, as token ids."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..wording import counted
from .errors import DataError

VOCABULARY_LIMIT = 65534
"""The most characters a vocabulary can hold: token ids are 16 bits wide, and BOS takes one."""
_SHOWN = 60


@dataclass(frozen=True)
class Vocabulary:
    """Characters in the order of their token ids 0..k-1; the beginning-of-sequence token is k."""

    characters: str

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """The sorted distinct characters of `texts`."""
        found: set[str] = set()
        for text in texts:
            found.update(text)
        return cls("".join(sorted(found)))

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
            # A capital letter is not to blame if the model knows the small one.
            blamed = (c for c in text if any(each not in ids for each in self.adapt(c)))
            character = next(blamed, error.args[0])
            raise DataError(
                f"The character {character!r} is not in the vocabulary of the model.",
                f"Use only these: {self.excerpt()}",
            ) from None

    def decode(self, tokens: Iterable[int]) -> str:
        return "".join(self.characters[token] for token in tokens)

    def adapt(self, text: str) -> str:
        """`text` in the form of the data, if it has unknown characters and another form has none.

        Tried are the composed and the decomposed form of its letters and, if the model knows no
        capital letter, small letters.
        """
        for form in self._forms(text):
            if all(character in self._ids for character in form):
                return form
        return text

    def excerpt(self) -> str:
        """The characters for a message to the user, cut if they are many."""
        shown, more = self.characters[:_SHOWN], len(self.characters) - _SHOWN
        return repr(shown) if more <= 0 else f"{shown!r} and {counted(more, 'other')}"

    def _forms(self, text: str) -> Iterable[str]:
        cases = [text]
        if not any(map(str.isupper, self.characters)):
            cases.append(text.lower())
        for cased in cases:
            yield cased
            yield unicodedata.normalize("NFC", cased)
            yield unicodedata.normalize("NFD", cased)

"""Texts in a form that a picture can show: what no font here has is written in Latin letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from anyascii import anyascii

_PREFERRED = (
    "DejaVu Sans",  # comes with matplotlib
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "WenQuanYi Micro Hei",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Arial Unicode MS",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Nirmala UI",
)
_WEIGHTS = ("normal", "bold")
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class Lettering:
    """The fonts of this computer that a picture uses, in their order."""

    families: list[str]
    _has_glyph: Callable[[str], bool]
    _shapes: bool
    """Whether letters are joined and set from right to left where they must be."""

    def drawable(self, text: str) -> str:
        """`text` on one line, with nothing in it that these fonts lack."""
        return "".join(map(self._letter, text))

    def _letter(self, character: str) -> str:
        if character in _JOINERS:
            return character if self._shapes and self._has_glyph(character) else ""
        if character.isspace() or unicodedata.category(character) in ("Cc", "Cs"):
            return " "
        if self._has_glyph(character) and (self._shapes or not _needs_shaping(character)):
            return character
        return anyascii(character)


def _needs_shaping(character: str) -> bool:
    right_to_left = unicodedata.bidirectional(character) in ("R", "AL")
    return right_to_left or unicodedata.category(character) == "Mc"


def lettering() -> Lettering:
    """Looks at the fonts that matplotlib has found."""
    from matplotlib import font_manager, ft2font

    installed = set(font_manager.fontManager.get_font_names())
    families = [family for family in _PREFERRED if family in installed]
    fonts: list[list[Any]] = [
        [font_manager.get_font(_path(font_manager, family, weight)) for family in families]
        for weight in _WEIGHTS
    ]

    def has_glyph(character: str) -> bool:
        code = ord(character)
        return all(any(font.get_char_index(code) for font in weight) for weight in fonts)

    return Lettering(families, has_glyph, hasattr(ft2font, "__libraqm_version__"))


def _path(font_manager: Any, family: str, weight: str) -> Any:
    wanted = font_manager.FontProperties(family=[family], weight=weight)
    return font_manager.findfont(wanted, fallback_to_default=False)

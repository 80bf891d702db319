"""Checks on the entries of a schema; each raises SchemaError and names the entry."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from typing import Any

# Names become identifiers of both languages. Listed are the C++ keywords that a protocol could
# plausibly want as a name.
CPP_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        """
        alignas and asm auto bitand bool break case catch char class compl concept const continue
        default delete do double else enum explicit export extern false float for friend goto if
        inline int long mutable namespace new noexcept not nullptr operator or private protected
        public register requires return short signed sizeof static struct switch template this
        throw true try typedef typeid typename union unsigned using virtual void volatile while xor
        """,
    )
)


class SchemaError(Exception):
    """The schema contradicts itself or its form."""


def keys(
    where: str, entry: Any, required: set[str], optional: frozenset[str] | set[str] = frozenset()
) -> None:
    if not isinstance(entry, dict):
        raise SchemaError(f"{where}: must be a table")
    missing = sorted(required - entry.keys())
    if missing:
        raise SchemaError(f"{where}: `{missing[0]}` is missing")
    unknown = sorted(entry.keys() - required - optional)
    if unknown:
        raise SchemaError(f"{where}: does not know `{unknown[0]}`")
    for key in ("doc", "advice"):
        if key in entry and not (isinstance(entry[key], str) and entry[key].strip()):
            raise SchemaError(f"{where}: `{key}` must be a sentence")


def integer(where: str, value: Any, highest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise SchemaError(f"{where}: must be an integer from 0 to {highest}, not {value!r}")
    return value


def number(where: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise SchemaError(f"{where}: must be a number, not {value!r}")
    return float(value)


def snake_case(where: str, name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise SchemaError(f"{where}: {name!r} is not a snake_case name")
    if keyword.iskeyword(name) or name in CPP_KEYWORDS:
        raise SchemaError(f"{where}: {name!r} is a keyword of C++ or Python")


def pascal_case(where: str, name: str) -> None:
    if not re.fullmatch(r"([A-Z][a-z0-9]+)+", name):
        raise SchemaError(f"{where}: {name!r} is not a PascalCase name")


def unique(where: str, values: Sequence[object]) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise SchemaError(f"{where}: {value!r} appears twice")
        seen.add(value)

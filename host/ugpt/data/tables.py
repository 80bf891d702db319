"""One column of a table, or one field of JSON lines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from .advice import converting
from .errors import DataError
from .sources import JSON_LINES, Source

_BATCH = 16_384  # documents
_FIELD_MAX = 2**31 - 1  # characters
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_SHOWN = 20  # names of columns


def split_lines(blocks: Iterable[str]) -> Iterator[str]:
    """The lines of a text that comes in blocks, newlines kept."""
    rest: list[str] = []
    for block in blocks:
        *lines, last = block.split("\n")
        for line in lines:
            if rest:
                line = "".join([*rest, line])
                rest = []
            yield line + "\n"
        rest.append(last)
    if any(rest):
        yield "".join(rest)


@dataclass
class Column:
    """A column, by its name in the header or, in a table without one, by its number from 1 on."""

    name: str
    source: Source
    """Whose column it is."""
    missing: int = 0
    """Rows without it."""
    empty: int = 0
    """Rows in which it holds nothing, or null."""
    _blank: int = 0  # lines before the first row

    def batches(self, blocks: Iterable[str]) -> Iterator[list[str]]:
        """Its texts, never empty ones. Raises DataError if there is no such column."""
        batch: list[str] = []
        for text in self._texts(split_lines(blocks)):
            if not text:
                self.empty += 1
                continue
            batch.append(text)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        yield batch

    def _texts(self, lines: Iterator[str]) -> Iterator[str]:
        first = ""
        for first in lines:
            if first.strip():
                break
            self._blank += 1
        if first.lstrip().startswith("{") or (first.strip() and self.source.is_named(JSON_LINES)):
            yield from self._fields(first, lines)
        elif first.strip():
            yield from self._cells(first, lines)

    def _cells(self, header: str, lines: Iterator[str]) -> Iterator[str]:
        delimiter = delimiter_of(header)
        csv.field_size_limit(_FIELD_MAX)
        rows = csv.reader(
            chain([header], lines),
            delimiter=delimiter,
            # Quotes are characters like others between tabs.
            quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL,
            strict=True,
        )
        try:
            names = [name.strip() for name in next(rows)]
            index = self._index(names)
            if names[index] != self.name:
                yield names[index]  # a number is for tables without a header
            for row in rows:
                if index < len(row):
                    yield row[index].strip()
                elif row:
                    self.missing += 1
        except csv.Error as error:
            raise DataError(
                f"Line {self._blank + rows.line_num:,} of {self.source.name} is not a row of a "
                f"table: {error}.",
                "Check its quotes; a quote inside quotes is written twice.",
            ) from None

    def _index(self, names: list[str]) -> int:
        """Which of the columns it is."""
        if names.count(self.name) > 1:
            raise DataError(
                f"{self.source.name} has {names.count(self.name)} columns called {self.name}.",
                "Give them different names in its first line.",
            )
        if self.name in names:
            return names.index(self.name)
        if self.name.isdecimal() and 1 <= int(self.name) <= len(names):
            return int(self.name) - 1
        if names[0].startswith("["):
            raise DataError(
                f"{self.source.name} is JSON, but not JSON lines.",
                "Make lines of it: "
                + converting("jq -c '.[]' {file} > {new}", self.source.file, ".jsonl"),
            )
        if len(names) == 1:
            raise DataError(
                f"{self.source.name} has no column {self.name}: its first line holds no comma, "
                "semicolon or tab, so it is not a table.",
                "Leave --column out to read it line by line.",
            )
        raise self._no_such(names, " In a table without a header, give a number: --column 1")

    def _fields(self, first: str, lines: Iterator[str]) -> Iterator[str]:
        names: dict[str, None] = {}
        found = False
        name, quoted = self.name, json.dumps(self.name, ensure_ascii=False)
        decode = json.JSONDecoder().raw_decode
        decode_with_care = json.JSONDecoder(object_pairs_hook=self._once).raw_decode
        for number, line in enumerate(map(str.strip, chain([first], lines)), self._blank + 1):
            if not line:
                continue
            try:
                # The hook takes as long as all the rest, so only lines that may need it get it.
                value, end = (decode if line.count(quoted) < 2 else decode_with_care)(line)
            except json.JSONDecodeError:
                value, end = None, 0
            except (ValueError, RecursionError) as error:
                what = "is nested too deeply"
                if isinstance(error, ValueError):
                    what = "has a number with too many digits"
                raise DataError(
                    f"Line {number:,} of {self.source.name} {what}.", "Leave such lines out."
                ) from None
            if end < len(line) or not isinstance(value, dict):
                raise DataError(
                    f"Line {number:,} of {self.source.name} is not a JSON object.",
                    "JSON lines hold one object a line.",
                )
            if name not in value:
                names |= dict.fromkeys(map(str, value))
                self.missing += 1
                continue
            found = True
            yield self._text_of(value[name], number)
        if not found:
            raise self._no_such(list(names))

    def _once(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        """The object of these pairs. Raises DataError if it has the field more than once."""
        found = dict(pairs)
        if len(found) < len(pairs) and [name for name, _ in pairs].count(self.name) > 1:
            raise DataError(
                f"An object of {self.source.name} has several fields called {self.name}.",
                "Give them different names.",
            )
        return found

    def _text_of(self, value: object, line: int) -> str:
        if isinstance(value, str):
            if not value.isascii() and _HALF_CHARACTER.search(value):
                raise DataError(
                    f"{self.name} in line {line:,} of {self.source.name} holds half a character "
                    "(a lone surrogate).",
                    "Write the file once more with a JSON library.",
                )
            return value.strip()
        if value is None:
            return ""
        raise DataError(
            f"{self.name} in line {line:,} of {self.source.name} is not text but {_kind(value)}.",
            "Choose a field that holds text, or write its values in quotes.",
        )

    def _no_such(self, names: Sequence[str], advice: str = "") -> DataError:
        shown = ", ".join(name or "(no name)" for name in names[:_SHOWN])
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return DataError(
            f"{self.source.name} has no column {self.name}.", f"It has: {shown}{more}.{advice}"
        )


def delimiter_of(header: str) -> str:
    """What separates the columns of a table with this first line."""
    if "\t" in header:
        return "\t"
    return ";" if header.count(";") > header.count(",") else ","


def _kind(value: object) -> str:
    """Of a JSON value that is no text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else "a number"

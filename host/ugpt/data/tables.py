"""One column of a table, or one field of JSON lines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .errors import DataError

_BATCH = 16_384  # documents
_FIELD_MAX = 2**31 - 1  # characters
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def split_lines(blocks: Iterable[str]) -> Iterator[str]:
    """The lines of a text that comes in blocks, newlines kept."""
    rest: list[str] = []
    for block in blocks:
        *lines, last = block.split("\n")
        for line in lines:
            yield "".join([*rest, line, "\n"])
            rest = []
        rest.append(last)
    if any(rest):
        yield "".join(rest)


@dataclass
class Column:
    """A column, by its name in the header or, in a table without one, by its number from 1 on."""

    name: str
    source: str
    """Whose column it is, for messages."""
    missing: int = 0
    """Rows without it."""
    _blank: int = 0  # lines before the first row

    def batches(self, blocks: Iterable[str]) -> Iterator[list[str]]:
        """Its texts. Raises DataError if there is no such column, naming those there are."""
        batch: list[str] = []
        for text in self._texts(split_lines(blocks)):
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
        if first.lstrip().startswith("{"):
            yield from self._fields(first, lines)
        elif first.strip():
            yield from self._cells(first, lines)

    def _cells(self, header: str, lines: Iterator[str]) -> Iterator[str]:
        delimiter = delimiter_of(header)
        csv.field_size_limit(_FIELD_MAX)
        rows = csv.reader(
            _before(header, lines),
            delimiter=delimiter,
            # Quotes are characters like others between tabs.
            quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL,
            strict=True,
        )
        try:
            names = [name.strip() for name in next(rows)]
            if self.name in names:
                index = names.index(self.name)
            elif self.name.isdecimal() and 1 <= int(self.name) <= len(names):
                index = int(self.name) - 1
                yield names[index]  # a number is for tables without a header
            else:
                raise self._no_such(names)
            for row in rows:
                if index < len(row):
                    yield row[index].strip()
                elif row:
                    self.missing += 1
        except csv.Error as error:
            raise DataError(
                f"Line {self._blank + rows.line_num:,} of {self.source} is no row of a table: "
                f"{error}.",
                "Check its quotes; a quote inside quotes is written twice.",
            ) from None

    def _fields(self, first: str, lines: Iterator[str]) -> Iterator[str]:
        names: dict[str, None] = {}
        found = False
        for number, line in enumerate(_before(first, lines), self._blank + 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                value = None
            if not isinstance(value, dict):
                raise DataError(
                    f"Line {number:,} of {self.source} is no JSON object.",
                    "JSON lines hold one object a line.",
                )
            if self.name not in value:
                names |= dict.fromkeys(map(str, value))
                self.missing += 1
                continue
            found = True
            yield self._text_of(value[self.name], number)
        if not found:
            raise self._no_such(list(names))

    def _text_of(self, value: object, line: int) -> str:
        if value is None:
            return ""
        if isinstance(value, (list, dict)):
            raise DataError(
                f"{self.name} in line {line:,} of {self.source} is no text, but a "
                f"{'list' if isinstance(value, list) else 'JSON object'}.",
                "Choose a field that holds text.",
            )
        text = value if isinstance(value, str) else json.dumps(value)
        if _HALF_CHARACTER.search(text):
            raise DataError(
                f"{self.name} in line {line:,} of {self.source} holds half a character "
                "(a lone surrogate).",
                "Write the file once more with a JSON library.",
            )
        return text.strip()

    def _no_such(self, names: list[str]) -> DataError:
        shown = ", ".join(name or "(no name)" for name in names[:20])
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        return DataError(
            f"{self.source} has no column {self.name}.",
            f"It has: {shown}{more}. In a table without a header, give a number: --column 1",
        )


def delimiter_of(header: str) -> str:
    """What separates the columns of a table with this first line."""
    if "\t" in header:
        return "\t"
    return ";" if header.count(";") > header.count(",") else ","


def _before(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines

"""Reads sources as a `Reading` says, and notes what was done to the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import ne

from ..wording import counted
from .decoding import DecodedText
from .reading import ReadFile, Reading
from .sources import JSON_LINES, TABLES, Source, Sources, names_of
from .tables import Column, delimiter_of


class Intake:
    """Turns sources into batches of documents; what it notes is complete after the last one."""

    def __init__(self, sources: Sources, reading: Reading) -> None:
        self._sources = sources
        self._reading = reading
        self._lowered = 0
        self.files: list[ReadFile] = []
        self.encodings: list[str] = []
        """Of each file."""
        self.changes: list[str] = []
        """What was done to the text, in sentences."""
        self.hints: list[str] = []
        """What the user may have meant otherwise, in sentences."""

    def batches(self) -> Iterator[list[str]]:
        """Documents, never empty ones, in order. Raises DataError."""
        for source in self._sources.files:
            text = DecodedText(source, self._reading.keep_marks)
            for batch in self._split(source, text):
                yield self._cased(batch)
            self._note(source, text)
        if others := self._sources.passed_over:
            self.hints.append(
                f"Files that are not text were passed over: {names_of(others)}. "
                "Name them to read them."
            )
        if self._lowered:
            where = counted(self._lowered, "document")
            self.changes.append(f"Capital letters were lowercased in {where}.")

    def _split(self, source: Source, text: DecodedText) -> Iterator[list[str]]:
        blocks = text.blocks()
        if self._reading.text:
            whole = "".join(blocks)
            yield [whole] if whole.strip() else []
        elif self._reading.column:
            column = Column(self._reading.column, source)
            yield from column.batches(blocks)
            self._note_column(column)
        else:
            yield from self._lines(source, blocks)

    def _lines(self, source: Source, blocks: Iterable[str]) -> Iterator[list[str]]:
        """Stripped lines; a block's worth of them at once, so that few are objects together."""
        header: str | None = None
        rest: list[str] = []
        for block in blocks:
            rest.append(block)
            if (end := block.rfind("\n")) >= 0:
                rest[-1] = block[:end]
                lines = "".join(rest).split("\n")
                header = lines[0] if header is None else header
                yield list(filter(None, map(str.strip, lines)))
                rest = [block[end + 1 :]]
        last = "".join(rest).strip()
        yield [last] if last else []
        self._hint_at_columns(source, last if header is None else header)

    def _cased(self, batch: list[str]) -> list[str]:
        if not self._reading.lower:
            return batch
        lowered = [text.lower() for text in batch]
        self._lowered += sum(map(ne, batch, lowered))
        return lowered

    def _note(self, source: Source, text: DecodedText) -> None:
        self.files.append(ReadFile(source.path, text.sha256))
        self.encodings.append(text.encoding)
        if text.encoding.startswith(("UTF-16", "UTF-32")):
            self.changes.append(f"{source.name} was read as {text.encoding}.")
        if text.marks:
            marks = counted(text.marks, "byte order mark")
            were = "was" if text.marks == 1 else "were"
            self.changes.append(f"{marks} inside {source.name} {were} left out.")

    def _note_column(self, column: Column) -> None:
        name, source = column.name, column.source.name
        if column.missing:
            have = f"have no {name} and were" if column.missing > 1 else f"has no {name} and was"
            rows = counted(column.missing, "row")
            self.changes.append(f"{rows} of {source} {have} left out.")
        if column.empty:
            are = "are empty and were" if column.empty > 1 else "is empty and was"
            fields = counted(column.empty, "field")
            self.changes.append(f"{fields} of {name} in {source} {are} left out.")

    def _hint_at_columns(self, source: Source, header: str) -> None:
        if not source.is_named(TABLES):
            return
        if source.is_named(JSON_LINES) or header.lstrip().startswith("{"):
            what = "a field of its objects"
        elif delimiter_of(header) in header:
            what = "one of its columns"
        else:
            return
        self.hints.append(f"{source.name} is read line by line; for {what} alone: --column NAME")

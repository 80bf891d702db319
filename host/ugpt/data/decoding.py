"""From the bytes of a source to its text, block by block, whatever its encoding."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections.abc import Iterator
from itertools import chain

from .advice import converting
from .errors import DataError
from .sources import WANTED, Source

BYTE_ORDER_MARK = "\ufeff"

_MARKS = [  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a byte order mark"),
]

# What a file is called says nothing of its format, so that is named.
_PANDOC = "pandoc -f {kind} -t plain --wrap=none -o {{new}} {{file}}"
_OFFICE = "soffice --convert-to {kind} --outdir {{folder}} {{file}}"
_OFFICE_TEXT = "'txt:Text (encoded):UTF8'"
_OFFICE_TABLE = "'csv:Text - txt - csv (StarCalc):44,34,76'"

_OTHER_FORMATS = [  # the bytes a file begins with, what it is, and what makes a text of it
    (b"%PDF-", "a PDF file", "pdftotext {file} {new}"),
    (b"{\\rtf", "an RTF file", _PANDOC.format(kind="rtf")),
    (b"\xd0\xcf\x11\xe0", "a file of an older Office program", _OFFICE.format(kind=_OFFICE_TEXT)),
    (b"BZh", "a bzip2 file", "bzip2 -dc {file} > {new}"),
    (b"\xfd7zXZ\0", "an xz file", "xz -dc {file} > {new}"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", "zstd -dc {file} > {new}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x -so {file} > {new}"),
]

_ZIPPED = [  # what a zip archive holds, what it is then, and what makes a text of it
    (b"word/", "a Word document (.docx)", _PANDOC.format(kind="docx")),
    (b"opendocument.text", "an OpenDocument text", _PANDOC.format(kind="odt")),
    (b"epub", "an e-book (.epub)", _PANDOC.format(kind="epub")),
    (b"xl/", "an Excel workbook (.xlsx)", _OFFICE.format(kind=_OFFICE_TABLE)),
    (b"", "a zip archive", "unzip -p {file} > {new}"),
]

_LOOKED_AT = 65_536  # bytes at the start of a file that show what it is
_WESTERN = 0.7  # share of Western characters in a text that is taken for UTF-16 without a mark
_CUT_OFF = "unexpected end of data"  # as the decoder calls it
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")  # as no encoder of UTF-8 writes it
_WORD_BYTES = 20  # around a byte that is not UTF-8


class DecodedText:
    """The text of one source; digest and encoding are known once all blocks have been read."""

    def __init__(self, source: Source, keep_marks: bool = False) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self._keep_marks = keep_marks
        self._lines = 1
        self._is_utf8 = False
        """Whether a character of several bytes has been found, which other text hardly has."""
        self.encoding = "UTF-8"
        """Its name for a person."""
        self.marks = 0
        """Byte order marks inside the text that were left out."""

    @property
    def sha256(self) -> str:
        """Of the bytes, a .gz unpacked."""
        return self._digest.hexdigest()

    def blocks(self) -> Iterator[str]:
        """The text, every line end a newline. Raises DataError if it is none."""
        raw = self._source.blocks()
        first = next(raw, b"")
        self._require_text_format(first)
        codec, self.encoding = _encoding_of(first)
        decoder = codecs.getincrementaldecoder(codec)()
        newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
        try:
            for block in chain([first], raw):
                self._digest.update(block)
                yield self._checked(newlines.decode(block))
            yield self._checked(newlines.decode(b"", final=True))
        except UnicodeDecodeError as error:
            raise self._decode_error(error, first) from None

    def _checked(self, text: str) -> str:
        if "\0" in text:
            line = self._lines + text.count("\n", 0, text.index("\0"))
            raise DataError(
                f"{self._source.name} looks binary: a zero byte in line {line:,}.", WANTED
            )
        self._lines += text.count("\n")
        self._is_utf8 = self._is_utf8 or not text.isascii()
        if not self._keep_marks and (found := text.count(BYTE_ORDER_MARK)):
            self.marks += found
            return text.replace(BYTE_ORDER_MARK, "")
        return text

    def _decode_error(self, error: UnicodeDecodeError, first: bytes) -> DataError:
        name, content = self._source.name, bytes(error.object)
        if error.encoding.startswith(("utf-16", "utf16", "utf-32", "utf32")):
            return DataError(
                f"{name} is damaged {self.encoding} text: {error.reason}.",
                "Save it once more as UTF-8.",
            )
        line = self._lines + content.count(b"\n", 0, error.start)
        where = f"byte 0x{content[error.start]:02x} in line {line:,}"
        if b"\0" in first:
            return DataError(f"{name} looks binary: zero bytes, and {where}.", WANTED)
        if error.reason == _CUT_OFF and self._is_utf8:
            return DataError(
                f"{name} is cut off: the last character, in line {line:,}, is not whole.",
                "Make or download the file once more.",
            )
        if _SURROGATE.match(content, error.start):
            return DataError(
                f"{name} is not UTF-8 text: half of a UTF-16 character in line {line:,}.",
                "Save it once more as UTF-8 with the program that made it.",
            )
        message = f"{name} is not UTF-8 text: {where}."
        command = "iconv -f CP1252 -t UTF-8 {file} > {new}"
        advice = f"Convert it: {converting(command, self._source.file, '-utf8.txt')}"
        if (word := _western_word(content, error.start)) is None:
            return DataError(message, f"If it is a text in another encoding, name that: {advice}")
        return DataError(f"{message} It may be Latin-1 or Windows-1252 ({word!r}).", advice)

    def _require_text_format(self, first: bytes) -> None:
        formats = [form for form in _OTHER_FORMATS if first.startswith(form[0])]
        if first.startswith(b"PK\x03\x04"):
            formats = [form for form in _ZIPPED if form[0] in first[:_LOOKED_AT]]
        for _, kind, command in formats[:1]:
            raise DataError(
                f"{self._source.name} is {kind}, not a text.",
                f"Make a text of it: {converting(command, self._source.file)}",
            )


def _encoding_of(first: bytes) -> tuple[str, str]:
    """The codec of a text that begins like this, and its name for a person."""
    for mark, codec, name in _MARKS:
        if first.startswith(mark):
            return codec, name
    sample = first[:_LOOKED_AT]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    # In UTF-16 every other byte of a Western text is zero; nothing else looks like that.
    if len(sample) % 2 and len(sample) < _LOOKED_AT:
        return "utf-8", "UTF-8"
    if odd > _WESTERN * len(sample) / 2 and not even:
        return "utf-16-le", "UTF-16 without a byte order mark"
    if even > _WESTERN * len(sample) / 2 and not odd:
        return "utf-16-be", "UTF-16 without a byte order mark"
    return "utf-8", "UTF-8"


def _western_word(content: bytes, at: int) -> str | None:
    """The word around a byte, read as Windows-1252, if it makes sense that way."""
    try:
        around = content[max(at - _WORD_BYTES, 0) : at + _WORD_BYTES].decode("cp1252")
        before = len(content[max(at - _WORD_BYTES, 0) : at].decode("cp1252"))
    except UnicodeDecodeError:
        return None
    words = (found for found in re.finditer(r"\S+", around) if found.start() <= before)
    for found in words:
        if before < found.end() and all(map(str.isprintable, found.group())):
            return found.group()
    return None

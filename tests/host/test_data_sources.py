"""Everything a text can come from, and come in."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ugpt.data.dataset import Dataset
from ugpt.data.errors import DataError
from ugpt.data.reading import Reading
from ugpt.data.report import remarks
from ugpt.data.sources import BUILT_IN, STANDARD_INPUT, Source, built_in_names
from ugpt.data.vocabulary import Vocabulary

NAMES = Path(__file__).parents[2] / "data" / "names.txt"


def file(folder: Path, content: bytes | str, name: str = "text.txt") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(named: Path | list[Path], reading: Reading | None = None) -> str:
    """The one sentence (and advice) that reading it ends with."""
    with pytest.raises(DataError) as raised:
        Dataset.load(named, reading)
    said = str(raised.value)
    assert "\n" not in said
    assert raised.value.advice
    return said


def test_the_library_reads_one_plain_file(tmp_path: Path) -> None:
    dataset = Dataset.load(file(tmp_path, "anna\nbea\n"))
    assert dataset.documents == ("anna", "bea")
    assert dataset.sha256 == hashlib.sha256(b"anna\nbea\n").hexdigest()
    assert not dataset.changes
    assert not remarks(dataset, 16)


def test_lines_are_those_of_every_block_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "  anna \r\n\r\nbéa\rc\n \u2028d\u00a0\n𝄞x"
    path = file(tmp_path, text)
    for size in (1, 2, 3, 5, 100):
        monkeypatch.setattr("ugpt.data.sources._BLOCK_BYTES", size)
        if size >= 4:  # what the file begins with is looked for in the first block
            assert list(Dataset.load(path).documents) == ["anna", "béa", "c", "d", "𝄞x"]


def test_several_files_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "stories"
    file(folder, "b\n", "b.txt")
    file(folder, "c\n", "sub/c.TXT")
    file(folder, "a\n", "a.txt")
    file(folder, gzip.compress(b"d\n"), "z.txt.gz")
    file(folder, b"\x89PNG", "picture.png")
    file(folder, "no", ".hidden.txt")
    other = file(tmp_path, "e", "other")
    dataset = Dataset.load([folder, other])
    assert list(dataset.documents) == ["a", "b", "c", "d", "e"]
    assert [found.path.name for found in dataset.files] == [
        "a.txt", "b.txt", "c.TXT", "z.txt.gz", "other",
    ]  # fmt: skip
    assert dataset.path == folder
    assert dataset.title == "5 files"
    assert dataset.hints == (
        "Files that are not text were passed over: picture.png. Name them to read them.",
    )
    assert dataset.sha256 != Dataset.load([other, folder]).sha256


def test_a_folder_without_texts(tmp_path: Path) -> None:
    assert "holds no texts" in refused(tmp_path)
    file(tmp_path, b"\x89PNG", "picture.png")
    assert "only picture.png" in refused(tmp_path)


def test_a_packed_file_is_its_content(tmp_path: Path) -> None:
    plain = Dataset.load(file(tmp_path, "anna\nbea\n"))
    packed = Dataset.load(file(tmp_path, gzip.compress(b"anna\nbea\n"), "text.txt.gz"))
    assert packed.documents == plain.documents
    assert packed.sha256 == plain.sha256
    assert packed.sources.stem == "text"


def test_a_damaged_packed_file(tmp_path: Path) -> None:
    packed = gzip.compress(os.urandom(1000))
    assert "damaged .gz" in refused(file(tmp_path, packed[:500]))
    assert "damaged .gz" in refused(file(tmp_path, packed[:20] + b"?" * 500))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"anna\nbea\n")))
    dataset = Dataset.load(STANDARD_INPUT)
    assert list(dataset.documents) == ["anna", "bea"]
    assert dataset.standard_input == b"anna\nbea\n"
    assert (dataset.path, dataset.title) == (STANDARD_INPUT, "standard input")
    assert "once" in refused([STANDARD_INPUT, STANDARD_INPUT])


def test_the_built_in_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert built_in_names().read_bytes() == NAMES.read_bytes()
    dataset = Dataset.load(Path("names"))
    assert dataset.documents == Dataset.load(NAMES).documents
    assert dataset.path == BUILT_IN
    file(tmp_path, "mine", "names")
    assert list(Dataset.load(Path("names")).documents) == ["mine"]


def test_a_wrong_word_tells_of_the_built_in_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(Path("name")) == (
        "There is no file name. Give a text file with one document a line, or `names`, the "
        "built-in list of names."
    )


@pytest.mark.parametrize(
    ("codec", "mark", "name"),
    [
        ("utf-16-le", "\ufeff", "UTF-16"),
        ("utf-16-be", "\ufeff", "UTF-16"),
        ("utf-16-le", "", "UTF-16 without a byte order mark"),
        ("utf-16-be", "", "UTF-16 without a byte order mark"),
        ("utf-32-le", "\ufeff", "UTF-32"),
    ],
)
def test_wide_encodings(tmp_path: Path, codec: str, mark: str, name: str) -> None:
    path = file(tmp_path, f"{mark}Zoë\r\nŁukasz\r\n".encode(codec))
    dataset = Dataset.load(path)
    assert list(dataset.documents) == ["Zoë", "Łukasz"]
    assert dataset.encodings == (name,)
    assert dataset.changes == (f"{path} was read as {name}.",)
    complaint = "damaged UTF-" if mark else "looks binary"
    assert complaint in refused(file(tmp_path, path.read_bytes()[:-1]))


def test_byte_order_marks_inside(tmp_path: Path) -> None:
    path = file(tmp_path, "\ufeffanna\n\ufeffbea\n")
    dataset = Dataset.load(path)
    assert list(dataset.documents) == ["anna", "bea"]
    assert dataset.changes == (f"1 byte order mark inside {path} was left out.",)
    earlier = Dataset.load(path, Reading(keep_marks=True))
    assert list(earlier.documents) == ["anna", "\ufeffbea"]


@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
def test_western_encodings_are_named(tmp_path: Path, codec: str) -> None:
    path = file(tmp_path, "anna\nJosé and Zoë\n".encode(codec))
    said = refused(path)
    assert "byte 0xe9 in line 2" in said
    assert "Latin-1 or Windows-1252 ('José')" in said
    assert f"iconv -f CP1252 -t UTF-8 {path} > {tmp_path}/text-utf8.txt" in said


def archive(folder: Path, name: str, member: str) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(member, "text")
    return path


def test_other_formats_come_with_the_command_that_helps(tmp_path: Path) -> None:
    assert "unzip -p" in refused(archive(tmp_path, "a.zip", "a.txt"))
    assert "Word document" in refused(archive(tmp_path, "a.docx", "word/document.xml"))
    assert "pandoc -f docx" in refused(archive(tmp_path, "b.docx", "word/document.xml"))
    assert "pdftotext" in refused(file(tmp_path, b"%PDF-1.7\n", "a b.pdf"))
    assert "'" in refused(file(tmp_path, b"%PDF-1.7\n", "a b.pdf"))
    assert "pandoc -f rtf" in refused(file(tmp_path, b"{\\rtf1 a}", "a.rtf"))
    assert "xz -dc" in refused(file(tmp_path, b"\xfd7zXZ\0", "a.xz"))


OTHER_FORMATS: dict[str, bytes] = {
    "pdf": b"%PDF-1.7\n",
    "rtf": b"{\\rtf1 a}",
    "doc": b"\xd0\xcf\x11\xe0",
    "bz2": b"BZh",
    "xz": b"\xfd7zXZ\0",
    "zst": b"\x28\xb5\x2f\xfd",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "docx": b"PK\x03\x04word/",
    "odt": b"PK\x03\x04opendocument.text",
    "epub": b"PK\x03\x04epub",
    "xlsx": b"PK\x03\x04xl/",
    "zip": b"PK\x03\x04",
    "latin-1": b"anna\nJos\xe9\n",
}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
@pytest.mark.parametrize("kind", OTHER_FORMATS)
@pytest.mark.parametrize("name", ["text.txt", "-a b.txt", "no ending", "$(x).txt.gz"])
def test_an_advised_command_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    """Pasted into a shell, with stand-ins for the programs that write down what they are given."""
    monkeypatch.chdir(tmp_path)
    for other in (
        "text.txt",
        "text-2.txt",
        "text-utf8.txt",
        "text-text",
        "-a b-2.txt",
        "no ending",
    ):
        file(tmp_path, b"precious", other)
    file(tmp_path, OTHER_FORMATS[kind], name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    command = refused(Path(name)).partition("it: ")[2]
    stand_in = file(tmp_path / "bin", '#!/bin/sh\nprintf "%s\\n" "$@" >> "$LOG"\n', "stand-in")
    stand_in.chmod(0o755)
    for program in (
        "pdftotext",
        "pandoc",
        "soffice",
        "bzip2",
        "xz",
        "zstd",
        "7z",
        "unzip",
        "iconv",
    ):
        (tmp_path / "bin" / program).symlink_to(stand_in)
    log = tmp_path / "bin" / "log"
    subprocess.run(
        ["/bin/sh", "-c", command],
        env={"PATH": str(tmp_path / "bin"), "LOG": str(log)},
        check=True,
        timeout=20,
    )
    given = log.read_text().splitlines()
    assert sum(word in (name, f"./{name}") for word in given) == 1
    written = [word for word in given if word in before or word.removeprefix("./") in before]
    assert len(written) == 1  # what is read; whatever is written has a name of its own
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_the_format_of_a_document_is_named_to_pandoc(tmp_path: Path) -> None:
    for kind in ("docx", "odt", "epub", "rtf"):
        assert f" -f {kind}" in refused(file(tmp_path, OTHER_FORMATS[kind]))


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("https://example.org/a.txt", "curl -L -o a.txt https://example.org/a.txt"),
        ("http://example.org/b.txt", "curl -L -o b-2.txt http://example.org/b.txt"),
        ("https://example.org/a?x=1&y=2", "curl -L -o a 'https://example.org/a?x=1&y=2'"),
        ("https://example.org/?q", "curl -L -o example.org 'https://example.org/?q'"),
    ],
)
def test_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file(tmp_path, "precious", "b.txt")
    assert refused(Path(address)).endswith(f"Fetch it first: {command}")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no text"),
        (b"\n \r\n\t\n", "holds no text"),
        (b"\0" * 100_000, "looks binary: a zero byte in line 1"),
        (b"a\nb\0", "looks binary: a zero byte in line 2"),
        (b"ann\xc3\xa1\nbell\xc3", "is cut off: the last character, in line 2"),
        (100_000 * b"\xc3\xa1\n" + b"\xe2\x82", "is cut off: the last character, in line 100,001"),
        (b"anna\ncaf\xe9", "in line 2. It may be Latin-1"),
        (b"anna\nb\xed\xa0\x80\n", "half of a UTF-16 character in line 2"),
        (b"\x7fELF\0\0\xff\xff", "looks binary"),
        (b"a\n\x81\x8d\n", "byte 0x81 in line 2"),
    ],
)
def test_no_text(tmp_path: Path, content: bytes, complaint: str) -> None:
    assert complaint in refused(file(tmp_path, content))


def test_one_document_and_one_character(tmp_path: Path) -> None:
    assert list(Dataset.load(file(tmp_path, "anna")).documents) == ["anna"]
    single = Dataset.load(file(tmp_path, "a\n"))
    assert (list(single.documents), single.vocabulary.size) == (["a"], 2)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_devices_and_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe" in refused(tmp_path / "pipe")
    assert "is a device" in refused(Path("/dev/zero"))


def test_standard_input_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert refused(STANDARD_INPUT).startswith("Standard input is closed.")
    closed = io.TextIOWrapper(io.BytesIO(b"anna\n"))
    monkeypatch.setattr(sys, "stdin", closed)
    closed.close()
    assert refused(STANDARD_INPUT).startswith("Standard input could not be read")


def test_a_folder_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "holds no texts (.txt, .text)." in refused(tmp_path)
    file(tmp_path, "a,b\n1,2\n", "t.csv")
    assert refused(tmp_path).endswith("only t.csv. For one column of its tables: --column NAME")

    def fail(_: Path) -> bool:
        raise PermissionError(13, "Permission denied", "t.csv")

    monkeypatch.setattr(Path, "is_file", fail)
    assert "could not be read: t.csv: Permission denied. Check" in refused(tmp_path)


@pytest.mark.parametrize(("content", "changed_s"), [("anna\nbea\ncarla\n", 1), ("anna\nzoe\n", 2)])
def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, changed_s: int
) -> None:
    monkeypatch.setattr("ugpt.data.sources._BLOCK_BYTES", 4)
    path = file(tmp_path, "anna\nbea\n")
    os.utime(path, (1, 1))
    blocks = Source(path, path).blocks()
    next(blocks)
    path.write_text(content)
    os.utime(path, (changed_s, changed_s))
    with pytest.raises(DataError, match="changed while it was read"):
        list(blocks)


def test_lower_and_dedupe(tmp_path: Path) -> None:
    path = file(tmp_path, "Anna\nanna\nBEA\ncarla\n")
    dataset = Dataset.load(path, Reading(lower=True, dedupe=True))
    assert list(dataset.documents) == ["anna", "bea", "carla"]
    assert dataset.changes == (
        "Capital letters were lowercased in 2 documents.",
        "1 of 4 documents repeats another and was left out.",
    )


def test_mixed_unicode_forms_are_said(tmp_path: Path) -> None:
    def said(text: str) -> bool:
        return any("uconv" in remark for remark in remarks(Dataset.load(file(tmp_path, text)), 16))

    assert said("Jose\u0301\nZo\u00eb\n")
    assert not said("Jos\u00e9\nZo\u00eb\n")
    assert not said("Jose\u0301\nZoe\u0308\n")


def test_a_prompt_is_tried_in_the_form_of_the_data() -> None:
    assert Vocabulary("aé").adapt("e\u0301") == "é"
    assert Vocabulary("ae\u0301").adapt("é") == "e\u0301"
    assert Vocabulary("aé").adapt("É") == "é"
    assert Vocabulary("aAé").adapt("E") == "E"
    assert Vocabulary("ab").adapt("x") == "x"
    assert Vocabulary("Ab").adapt("B") == "B"  # it tells capitals from small letters


def test_the_character_that_is_to_blame_is_named() -> None:
    with pytest.raises(DataError, match="The character '1' is not"):
        Vocabulary("am").encode("M1")
    with pytest.raises(DataError, match="The character 'X' is not"):
        Vocabulary("am").encode("MX")
    with pytest.raises(DataError, match="The character 'A' is not"):
        Vocabulary("amM").encode("MA")

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from ugpt.data.dataset import (
    Dataset,
    count_validation,
    positions,
    split_documents,
    training_order,
)
from ugpt.data.errors import DataError
from ugpt.data.vocabulary import VOCABULARY_LIMIT, Vocabulary
from ugpt.errors import InvalidValue

NAMES = Path(__file__).parents[2] / "data" / "names.txt"


def load(tmp_path: Path, content: bytes) -> Dataset:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    return Dataset.load(path)


def test_documents_are_stripped_lines(tmp_path: Path) -> None:
    dataset = load(tmp_path, b"  anna \r\n\n\tbob\rbob\n   \nzoe")
    assert dataset.documents == ("anna", "bob", "bob", "zoe")
    assert dataset.sha256 == hashlib.sha256(dataset.path.read_bytes()).hexdigest()


def test_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbfanna\n").vocabulary.characters == "an"


def test_line_separators_of_unicode_are_characters(tmp_path: Path) -> None:
    assert load(tmp_path, "a\u2028b\nc\x0bd\n".encode()).documents == ("a\u2028b", "c\x0bd")


def test_vocabulary_is_sorted_with_bos_last() -> None:
    vocabulary = Vocabulary.of(["zoë", "éa"])
    assert vocabulary.characters == "aozéë"
    assert (vocabulary.bos, vocabulary.size) == (5, 6)
    assert vocabulary.encode("zoë") == [2, 1, 4]
    assert vocabulary.decode([2, 1, 4]) == "zoë"


def test_unknown_character_is_named() -> None:
    with pytest.raises(DataError, match=r"'ß'.*'ab'"):
        Vocabulary("ab").encode("aßb")


def test_vocabulary_that_is_too_large(tmp_path: Path) -> None:
    characters = [chr(0x10000 + i) for i in range(VOCABULARY_LIMIT + 1)]
    assert load(tmp_path, "\n".join(characters[:-1]).encode()).vocabulary.bos == VOCABULARY_LIMIT
    with pytest.raises(DataError, match="65,535 different characters"):
        load(tmp_path, "\n".join(characters).encode())


def test_unreadable_path() -> None:
    with pytest.raises(DataError):
        Dataset.load(Path("a\0b"))


def test_training_order_is_pythons_shuffle() -> None:
    documents = [str(i) for i in range(50)]
    expected = list(documents)
    random.Random(7).shuffle(expected)
    assert training_order(documents, random.Random(7)) == expected
    assert documents[0] == "0"


@pytest.mark.parametrize(
    ("length", "block_size", "count"),
    [(1, 16, 2), (14, 16, 15), (15, 16, 16), (16, 16, 16), (17, 16, 16), (40, 16, 16), (3, 1, 1)],
)
def test_bos_is_predicted_at_the_end_of_what_fits(length: int, block_size: int, count: int) -> None:
    assert positions("a" * length, block_size) == count


def test_names_are_as_described() -> None:
    dataset = Dataset.load(NAMES)
    assert dataset.documents == tuple(sorted(set(dataset.documents)))
    assert dataset.vocabulary.characters == "abcdefghijklmnopqrstuvwxyz"
    readme = (NAMES.parent / "README.md").read_text()
    assert dataset.sha256 in readme
    assert f"{len(dataset.documents):,} first names" in readme


def test_a_path_may_be_a_string() -> None:
    documents = Dataset.load(NAMES).documents
    assert Dataset.load(str(NAMES)).documents == Dataset.load([str(NAMES)]).documents == documents


def test_holding_out_keeps_the_order_of_the_others() -> None:
    documents = Dataset.load(NAMES).documents
    whole = split_documents(documents, 42, 0)
    assert whole.training == training_order(documents, random.Random(42))
    assert not whole.validation
    part = split_documents(documents, 42, 500)
    assert part.training == whole.training[:-500]
    assert part.validation == whole.training[-500:]
    assert part.validation != split_documents(documents, 43, 500).validation


@pytest.mark.parametrize(
    ("wanted", "count"), [("10%", 20), ("0.5%", 1), ("99.5%", 199), ("1", 1), ("199", 199)]
)
def test_a_part_to_hold_out(wanted: str, count: int) -> None:
    assert count_validation(wanted, 200) == count


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ("100%", "leaves none of 200 documents"),
        ("99.9%", "leaves none"),
        ("200", "leaves none"),
        ("6000", "leaves none"),
        ("0", "is none"),
        ("0%", "is none"),
        ("-5%", "is none"),
        ("0.1%", "is none"),
        ("ten", "not a part of a file"),
        ("", "not a part of a file"),
        ("%", "not a part of a file"),
        ("nan%", "not a part of a file"),
        ("inf%", "not a part of a file"),
        ("0.1", "not a part of a file"),
    ],
)
def test_no_part_to_hold_out(wanted: str, complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        count_validation(wanted, 200)

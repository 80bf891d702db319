"""Properties of data sets and vocabularies that hold for texts of any kind."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ugpt import decode_tokens, encode_tokens
from ugpt.data.dataset import Dataset, Vocabulary, count_validation, split_documents
from ugpt.data.errors import DataError
from ugpt.errors import InvalidValue

# Line ends and spaces of all kinds, characters that combine, turn around or take two UTF-16 units.
ODD = "a \t\r\n\x0b\x85\u2028\ufeff\u0301\u200d\u202e\u0130\u00df\U0001f600\U0010ffff"
TEXTS = st.text(max_size=12) | st.text(st.sampled_from(ODD), max_size=12)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data") / "text.txt"


@given(st.lists(TEXTS, max_size=8))
def test_a_vocabulary_takes_its_own_texts_apart_and_together(documents: list[str]) -> None:
    vocabulary = Vocabulary.of(documents)
    assert list(vocabulary.characters) == sorted(set("".join(documents)))
    assert vocabulary.size == vocabulary.bos + 1 == len(set("".join(documents))) + 1
    for document in documents:
        tokens = vocabulary.encode(document)
        assert len(tokens) == len(document)
        assert all(0 <= token < vocabulary.bos for token in tokens)
        assert vocabulary.decode(tokens) == document


@given(TEXTS, TEXTS)
def test_a_foreign_character_is_named(known: str, text: str) -> None:
    vocabulary = Vocabulary.of([known])
    foreign = [character for character in text if character not in known]
    if not foreign:
        assert vocabulary.decode(vocabulary.encode(text)) == text
        return
    with pytest.raises(DataError) as caught:
        vocabulary.encode(text)
    assert repr(foreign[0]) in caught.value.message


@pytest.mark.parametrize("size", [2, 3, 255, 256, 257, 258, 1501, 65534, 65535])
@given(data=st.data())
@settings(max_examples=20)
def test_tokens_return_from_their_bytes(size: int, data: st.DataObject) -> None:
    tokens = data.draw(st.lists(st.integers(0, size - 2) | st.just(size - 2), max_size=20))
    encoded = encode_tokens(tokens, size)
    assert len(encoded) == len(tokens) * (1 if size <= 256 else 2)
    assert list(decode_tokens(encoded, size)) == tokens
    with pytest.raises(InvalidValue):
        encode_tokens([*tokens, size], size)


@given(content=st.binary(max_size=60) | st.lists(TEXTS, max_size=8).map("\n".join).map(str.encode))
@example(content=b"\xef\xbb\xbf")
@example(content=b"a\n\xff")
@example(content=b"a\n\0b")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_is_a_data_set_or_an_error_in_words(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        dataset = Dataset.load(path)
    except DataError:
        return
    text = content.decode().replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")
    assert list(dataset.documents) == [line.strip() for line in text.split("\n") if line.strip()]
    for document in dataset.documents:
        assert dataset.vocabulary.decode(dataset.vocabulary.encode(document)) == document


@given(st.lists(TEXTS, min_size=1, max_size=30), st.integers(0, 2**32), st.data())
def test_each_document_is_trained_on_or_held_out(
    documents: list[str], seed: int, data: st.DataObject
) -> None:
    held_out = data.draw(st.integers(0, len(documents) - 1))
    split = split_documents(documents, seed, held_out)
    assert len(split.validation) == held_out
    order = list(documents)
    random.Random(seed).shuffle(order)
    assert [*split.training, *split.validation] == order


@given(
    st.text("0123456789.%-+e_ naif\u0663", max_size=8) | st.integers().map(str),
    st.integers(2, 10_000),
)
@example("9" * 5000, 10)
@example("1e400%", 10)
def test_a_part_to_hold_out_leaves_documents_on_both_sides(wanted: str, documents: int) -> None:
    with suppress(InvalidValue):
        assert 0 < count_validation(wanted, documents) < documents

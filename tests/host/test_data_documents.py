"""Documents as ranges of long texts, and what they cost."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ugpt.data.dataset import Dataset, positions, positions_of, training_order
from ugpt.data.documents import Documents
from ugpt.data.reading import Reading
from ugpt.errors import InvalidValue
from ugpt.training.loss_history import TokenCounts

pytestmark = pytest.mark.long

_LOAD = """
import re, sys
from pathlib import Path
import ugpt.cli.commands.train
from ugpt.data.dataset import Dataset, split_documents
from ugpt.training.loss_history import TokenCounts

dataset = Dataset.load(Path(sys.argv[1]))
split = split_documents(dataset.documents, 42, 1000)
TokenCounts(split.training, 16, 1)
print(len(dataset.documents), dataset.documents[2_000_000])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def documents(*batches: list[str]) -> Documents:
    return Documents.gather(batches)


def test_a_sequence_of_texts() -> None:
    found = documents(["anna", "bea"], [], ["ç", "", "𝄞𝄞"])
    texts = ["anna", "bea", "ç", "", "𝄞𝄞"]
    assert list(found) == texts
    assert [found[i] for i in range(-5, 5)] == texts + texts
    assert found[1:4] == texts[1:4]
    assert found[::-1] == texts[::-1]
    assert found != texts[:4]
    assert found != [*texts[:4], "x"]
    assert "bea" in found
    assert found.characters == 10
    with pytest.raises(IndexError):
        found[5]


def test_the_order_is_that_of_a_shuffled_list() -> None:
    texts = [str(i) for i in range(1000)]
    shuffled = list(texts)
    generator, other = random.Random(42), random.Random(42)
    generator.shuffle(shuffled)
    assert training_order(documents(texts[:300], texts[300:]), other) == shuffled
    assert other.random() == generator.random()


def test_windows_cover_a_document_once() -> None:
    found = documents(["abcdefghij", "abcd", "x"]).windows(4, 0)
    assert list(found) == ["abcd", "efgh", "ij", "abcd", "x"]


def test_windows_that_overlap() -> None:
    assert list(documents(["abcdefgh"]).windows(4, 1)) == ["abcd", "defg", "gh"]
    assert list(documents(["abcdefg"]).windows(4, 1)) == ["abcd", "defg"]
    assert list(documents(["abcdef"]).windows(4, 3)) == ["abcd", "bcde", "cdef"]


def test_windows_of_running_text_are_all_full() -> None:
    assert list(documents(["abcdefghij", "ab"]).windows(4, 0, full=True)) == [
        "abcd", "efgh", "ghij", "ab",
    ]  # fmt: skip


@pytest.mark.parametrize("overlap", [0, 1, 5, 15])
@pytest.mark.parametrize("full", [False, True])
def test_no_character_is_lost_in_windows(overlap: int, full: bool) -> None:
    for length in range(1, 100):
        text = "".join(map(chr, range(ord("a"), ord("a") + length)))
        rebuilt = ""
        for window in documents([text]).windows(16, overlap, full=full):
            assert len(window) <= 16
            known = rebuilt.partition(window[0])
            assert window.startswith("".join(known[1:]))
            rebuilt += window[len("".join(known[1:])) :]
        assert rebuilt == text


def test_the_first_of_duplicates_is_kept() -> None:
    texts = ["b", "a", "b", "", "c", "a", "a", ""]
    assert list(documents(texts[:3], texts[3:]).without_duplicates()) == ["b", "a", "", "c"]
    unique = documents(["b", "a"])
    assert unique.without_duplicates() is unique


def test_a_shared_hash_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_alike(codes: object, starts: object, lengths: Sequence[int]) -> object:
        return np.zeros(len(lengths), np.uint64)

    monkeypatch.setattr("ugpt.data.duplicates._hashes", all_alike)
    texts = ["a", "b", "a", "c", "bb", "b", "bb"]
    assert list(documents(texts).without_duplicates()) == ["a", "b", "c", "bb"]


@given(
    st.lists(
        st.text("ab", max_size=3)
        | st.text("a\xff\u0416\U0001f600", max_size=3)
        | st.sampled_from(["a" * 65, "b" * 65, "a" * 64, "a" * 200, "a" * 199 + "b"])
    ),
    st.integers(1, 5),
)
def test_the_first_of_each_kind_is_kept(texts: list[str], part: int) -> None:
    parts = [texts[first : first + part] for first in range(0, len(texts), part)]
    assert list(documents(*parts).without_duplicates()) == list(dict.fromkeys(texts))


def test_positions_of_many_are_those_of_each() -> None:
    texts = ["", "a", "abc", "abcd", "abcde"]
    for block_size in (1, 4, 16):
        expected = [positions(text, block_size) for text in texts]
        assert positions_of(documents(texts), block_size).tolist() == expected
        assert positions_of(texts, block_size).tolist() == expected


def test_tokens_of_steps_around_the_end_of_the_documents() -> None:
    counts = TokenCounts(documents(["a", "abc", ""]), 3, 2)
    assert counts.of(1, 4) == [2 + 3, 1 + 2, 3 + 1, 2 + 3]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_two_million_lines_fit_into_little_memory(tmp_path: Path) -> None:
    generator = random.Random(1)
    names = ["".join(generator.choices("abcdefghij", k=7)) for _ in range(10_000)]
    path = tmp_path / "many.txt"
    path.write_text("😀\n" + "\n".join(names * 200) + "\n")
    loaded = subprocess.run(
        [sys.executable, "-c", _LOAD, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    count, last, peak_kib = loaded.stdout.split()
    assert (int(count), last) == (2_000_001, names[-1])
    assert int(peak_kib) * 1024 < 150_000_000


def test_one_line_of_fifty_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "line.txt"
    path.write_bytes(b"ab cd" * 10_000_000)
    dataset = Dataset.load(path)
    assert dataset.documents.lengths.tolist() == [50_000_000]
    assert dataset.vocabulary.characters == " abcd"


def test_running_text(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"To be,\r\n  or not to be\n\n")
    dataset = Dataset.load(path, Reading(text=True), 8)
    assert list(dataset.uncut) == ["To be,\n  or not to be\n\n"]
    assert list(dataset.documents) == ["To be,\n ", " or not ", " to be\n\n"]
    assert "\n" in dataset.vocabulary.characters
    again = Dataset.load(path, Reading(text=True), 8)
    assert again.documents == dataset.documents


@pytest.mark.parametrize(
    "reading",
    [
        Reading(window=16),
        Reading(window=-1),
        Reading(text=True, window=99),
        Reading(text=True, column="name"),
        Reading(text=True, dedupe=True),
    ],
)
def test_readings_that_contradict_themselves(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "text.txt"
    path.write_text("a")
    with pytest.raises(InvalidValue):
        Dataset.load(path, reading, 16)

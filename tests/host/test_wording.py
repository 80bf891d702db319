"""Numbers in sentences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.in_process import Program
from ugpt.wording import counted


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (12345, "12,345 steps")]
)
def test_a_number_and_its_noun(number: int, words: str) -> None:
    assert counted(number, "step") == words


def test_another_plural() -> None:
    assert [counted(number, "loss", "losses") for number in (1, 2)] == ["1 loss", "2 losses"]


def test_one_of_everything(ugpt: Program, tmp_path: Path) -> None:
    """A run of one step on one document of one character: nothing of it is plural."""
    (tmp_path / "t.txt").write_text("a\n")
    shape = ("--n-embd", "1", "--n-head", "1", "--block-size", "1")
    said = [
        ugpt("data", "check", "t.txt", "--steps", "1", "--block-size", "1"),
        ugpt("plan", "t.txt", *shape),
        ugpt("train", "t.txt", "--steps", "1", "--plain", "--run", "R", *shape),
        ugpt("info"),
        ugpt("data", "push", "t.txt"),
        ugpt("train", "t.txt", "--holdout", "10%", status=1),
        ugpt("sample", "--prompt", "a", status=1),
    ]
    for each in said:
        assert not re.search(r"(?<![\d.,-])1 [a-z]+s\b", each.out + each.err), each.out + each.err

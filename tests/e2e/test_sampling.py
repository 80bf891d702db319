"""How a text is drawn, and which texts are new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import CommandLine
from ugpt.rpc.messages import METHODS

NAMES = ["anna", "bea", "carla", "dora"]


@pytest.fixture
def trained(cli: CommandLine, tmp_path: Path) -> CommandLine:
    """A model that has learned a few names by heart."""
    (tmp_path / "t.txt").write_text("\n".join(NAMES) + "\n")
    cli("train", "t.txt", "--steps", "400", "--plain", "--run", "R")
    return cli


def test_greedy_texts_are_all_the_same(trained: CommandLine) -> None:
    for option in (["--temperature", "0"], ["--top-k", "1"], ["--top-p", "0"]):
        texts = trained("sample", "-n", "12", *option).splitlines()
        assert len(texts) == 12
        assert set(texts) == {texts[0]}
    assert trained("sample", "-n1", "--temperature=0", "--seed=1", "--prompt=c") == "carla\n"


def test_limits_move_no_text_that_they_leave_alone(trained: CommandLine) -> None:
    warm = ("sample", "-n", "30", "--seed", "5", "--temperature", "3")
    plain = trained(*warm)
    assert trained(*warm, "--top-k", "0", "--top-p", "1") == plain
    assert trained(*warm, "--top-k", "1000") == plain
    assert trained(*warm, "--top-k", "2") != plain
    assert trained(*warm, "--top-p", "0.5") != plain


def test_new_texts_do_not_stand_in_the_data(trained: CommandLine) -> None:
    warm = ("sample", "--seed", "5", "--temperature", "2")
    everything = trained(*warm, "-n", "200").splitlines()
    new = trained(*warm, "-n", "8", "--new").splitlines()
    assert set(NAMES) & set(everything)
    assert new == [text for text in everything if text not in NAMES][:8]
    lines = [json.loads(line) for line in trained(*warm, "-n8", "--new", "--json").splitlines()]
    assert [line["text"] for line in lines] == new


def test_drawing_new_texts_gives_up(trained: CommandLine) -> None:
    # The likeliest text is one of the data, and no other one is ever drawn.
    ended = trained.finished("sample", "-n", "2", "--temperature", "0", "--new", code=1)
    assert ended.stdout == ""
    assert "Gave up after 200 texts: 0 of 2 wanted are new" in ended.stderr
    last = METHODS["sample"].param("number").range[1]
    near_the_end = ("-n", "1", "--start", str(last - 1), "--temperature", "0", "--new")
    ended = trained.finished("sample", *near_the_end, code=1)
    assert "Gave up after 2 texts: 0 of 1 wanted are new" in ended.stderr


def test_without_the_data_nobody_knows_what_is_new(trained: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "t.txt").rename(tmp_path / "moved.txt")
    said = trained.refused("sample", "--new")
    assert "There is no file" in said
    assert said.endswith("ugpt sample --data FILE")
    assert trained("sample", "-n1", "--temperature=3", "--new", "--data", "moved.txt")
    (tmp_path / "R").rename(tmp_path / "moved")
    (tmp_path / "moved" / "config.toml").unlink()
    assert "No run folder here belongs to the model" in trained.refused("sample", "--new")
    assert len(trained("sample").splitlines()) == 20

"""Texts in the commands that take them, and what a run records of them."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.in_process import Program
from ugpt import Device
from ugpt.data.dataset import Dataset
from ugpt.data.errors import DataError
from ugpt.data.known import KnownTexts
from ugpt.data.reading import Reading
from ugpt.data.report import Examination, Unused, percent
from ugpt.rpc.errors import NoRoom
from ugpt.runs.config import RunConfig
from ugpt.runs.errors import RunError
from ugpt.runs.folder import Run
from ugpt.training import dataset_upload
from ugpt.training.reopen import load_dataset
from ugpt.training.sampling import SampledText

pytestmark = pytest.mark.long

LONG = "".join(f"{'anna bea carla dora ' * 40}{i}\n" for i in range(50))
WARNING = (
    "50 of 50 documents are longer than 16 characters; 98% of the text is not used; "
    "try --block-size 64, or --text"
)
QUICK = ("--steps", "5", "--run", "R")


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def reopened(folder: Path, *moved: Path) -> Dataset:
    return load_dataset(Run.open(folder), moved, "ugpt train --resume R FILE")


def test_nothing_is_cut_in_silence(ugpt: Program) -> None:
    (ugpt.folder / "long.txt").write_text(LONG)
    assert WARNING in ugpt("train", "long.txt", *QUICK).err
    notice = json.loads(ugpt("train", "long.txt", "--steps", "5", "--json").out.splitlines()[0])
    assert notice == {"event": "notice", "text": WARNING}
    assert WARNING in ugpt("plan", "long.txt", "--board", "esp32").err
    assert "than 256 characters; 68% of" in ugpt("data", "push", "long.txt").err
    assert "not used" not in ugpt("train", "--resume", "R").err
    for option in (["--text"], ["--window", "0"]):
        assert "not used" not in ugpt("train", "long.txt", "--steps", "5", *option).err


@pytest.mark.parametrize(
    ("lengths", "block_size", "better"),
    [
        ([16, 16], 16, None),
        ([17, 3], 16, 32),
        ([40], 16, 64),
        ([200], 16, 64),
        ([5000], 16, 64),
        ([5000], 64, None),
        ([5000], 256, None),
        ([10] * 200 + [300], 16, 32),
    ],
)
def test_a_better_context(
    tmp_path: Path, lengths: list[int], block_size: int, better: int | None
) -> None:
    (tmp_path / "text").write_text("\n".join("a" * length for length in lengths))
    unused = Unused.of(Dataset.load(tmp_path / "text").documents, block_size)
    assert unused.better_block_size == better


def test_shares() -> None:
    said = [percent(share) for share in (0, 0.001, 0.014, 0.5, 0.999, 1)]
    assert said == ["0%", "less than 1%", "1%", "50%", "99%", "100%"]


def test_a_share_that_is_almost_all_is_not_all(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("a" * 3_000_000)
    found = Examination.of(Dataset.load(tmp_path / "t"), 1)
    assert percent(found.unused_share) == "99%"
    assert "99% of the text" in found.remarks[-1]


def test_how_a_text_was_read_is_recorded(ugpt: Program) -> None:
    (ugpt.folder / "t.csv").write_text("id,name\n1,Anna\n2,anna\n3,Bea and Carla and Dora\n")
    options = ("--column", "name", "--lower", "--dedupe", "--window", "3")
    said = ugpt("train", "t.csv", *options, *QUICK).err
    config = Run.open(ugpt.folder / "R").config
    assert config.reading == Reading("name", False, 3, True, True)
    assert config.changes
    assert all(change in said for change in config.changes)
    assert RunConfig.from_toml(config.to_toml()) == config
    assert list(reopened(ugpt.folder / "R").documents) == [
        "anna", "bea and carla an", " and dora",
    ]  # fmt: skip


def test_a_running_text_is_resumed(ugpt: Program) -> None:
    (ugpt.folder / "long.txt").write_text(LONG)
    ugpt("train", "long.txt", "--text", *QUICK)
    again = reopened(ugpt.folder / "R")
    assert again.documents == Dataset.load(ugpt.folder / "long.txt", Reading(text=True)).documents
    assert set(map(len, again.documents)) == {16}
    ugpt("train", "--resume", "R")


def test_runs_of_0_1_0_are_read_as_then(ugpt: Program) -> None:
    (ugpt.folder / "marked.txt").write_text("anna\n\ufeffbea\n", "utf-8")
    ugpt("train", "marked.txt", *QUICK)
    file = ugpt.folder / "R" / "config.toml"
    older, _, _ = file.read_text().partition("[reading]")
    file.write_text(re.sub(r"(?s)(files|changes) = \[.*?\]\n", "", older))
    assert list(reopened(ugpt.folder / "R").documents) == ["anna", "\ufeffbea"]


def test_standard_input_is_kept(ugpt: Program) -> None:
    pipe(ugpt.monkeypatch, b"anna\nbea\n")
    ugpt("train", "-", *QUICK)
    assert (ugpt.folder / "R" / "input.txt").read_bytes() == b"anna\nbea\n"
    (ugpt.folder / "R").rename(ugpt.folder / "S")
    assert list(reopened(ugpt.folder / "S").documents) == ["anna", "bea"]
    ugpt("train", "--resume", "S")
    pipe(ugpt.monkeypatch, b"anna\nbea\n")
    ugpt("train", "-", "--steps", "5")
    assert [path.name[:6] for path in (ugpt.folder / "runs").iterdir()] == ["stdin-"]


def test_the_built_in_names_are_recorded_by_name(ugpt: Program) -> None:
    ugpt("train", "names", *QUICK)
    (ugpt.folder / "names").write_text("mine")
    assert len(reopened(ugpt.folder / "R").documents) == 5163
    assert "names" in ugpt("train", "nanes", status=1).err


def test_all_files_of_a_run_are_verified(ugpt: Program) -> None:
    texts = ugpt.folder / "texts"
    texts.mkdir()
    for name in ("a.txt", "b.txt", "c.txt"):
        (texts / name).write_text(f"text {name}\n")
    ugpt("train", "texts", *QUICK)
    run = ugpt.folder / "R"
    assert [file.path for file in Run.open(run).config.files] == sorted(texts.iterdir())
    (texts / "d.txt").write_text("later\n")
    assert len(reopened(run).documents) == 3

    (texts / "b.txt").write_text("changed\n")
    with pytest.raises(RunError, match=r"b\.txt is not the text this run began with"):
        reopened(run)
    (texts / "b.txt").unlink()
    with pytest.raises(DataError, match=r"1 of the 3 files of this run are missing: .*b\.txt"):
        reopened(run)
    (texts / "d.txt").unlink()
    with pytest.raises(RunError, match="began with 3 files, not 2"):
        reopened(run, texts)
    (texts / "b.txt").write_text("text b.txt\n")
    texts.rename(ugpt.folder / "moved")
    assert len(reopened(run, ugpt.folder / "moved").documents) == 3
    assert "name them all" in ugpt("train", "--resume", "R", status=1).err


def test_check_says_what_is_in_a_text(ugpt: Program) -> None:
    (ugpt.folder / "t.txt").write_text("anna\nanna\nJosé-Maria de la Cruz\n", "utf-8")
    said = ugpt("data", "check", "t.txt").out
    for expected in ("UTF-8", "21", "duplicates", "é", "cut at 16", "estimated", "--n-embd"):
        assert expected in said
    found = json.loads(ugpt("data", "check", "t.txt", "--json").out)
    assert (found["documents"], found["longest"], found["duplicates"]) == (3, 21, 1)
    assert found["once"] == "-CJMdeilosuzé"
    assert found["standard_fits"]
    assert found["largest"]["n_embd"] > 16
    assert 0 < found["standard_estimated_s"] < found["largest_estimated_s"]
    assert found["longer"] == 1
    assert found["remarks"]


def test_check_fails_for_what_cannot_be_trained_on(ugpt: Program) -> None:
    (ugpt.folder / "t.txt").write_bytes(b"\0")
    assert "binary" in ugpt("data", "check", "t.txt", status=1).err


def test_an_alphabet_that_does_not_fit(ugpt: Program) -> None:
    (ugpt.folder / "han.txt").write_text("\n".join(map(chr, range(0x4E00, 0x4E00 + 3000))), "utf-8")
    cause = "The cause is the alphabet: of its 3,000 characters, this shape has room for "
    said = ugpt("train", "han.txt", status=1).err
    assert cause in said
    fitting = int(said.partition(cause)[2].partition(".")[0])
    assert cause in ugpt("plan", "han.txt", "--board", "esp32", status=1).out
    checked = ugpt("data", "check", "han.txt", "--json", status=1)
    found = json.loads(checked.out)
    assert (found["standard_fits"], found["alphabet_that_fits"]) == (False, fitting)
    assert found["largest"] is None
    assert "none fits. Use a text with fewer" in ugpt("data", "check", "han.txt", status=1).out
    long = ugpt("data", "check", "names", "--block-size", "256", status=1).out
    assert "none fits. Try a smaller --block-size." in long
    for count, status in ((fitting, 0), (fitting + 1, 1)):
        (ugpt.folder / "few.txt").write_text("".join(map(chr, range(0x4E00, 0x4E00 + count))))
        ugpt("plan", "few.txt", "--board", "esp32", status=status)


def test_a_wide_model_is_not_blamed_on_the_alphabet(ugpt: Program) -> None:
    said = ugpt("train", "names", "--n-embd", "128", status=1).err
    assert "alphabet" not in said
    assert "--n-embd" in said


async def test_a_text_beyond_the_flash_is_not_even_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError

    class Board:
        class hello:
            data_bytes = 1000
            regions = (1, 1)

    monkeypatch.setattr(dataset_upload, "_encode", fail)
    (tmp_path / "t").write_text("anna\n" * 1000)
    data = Dataset.load(tmp_path / "t")
    board: Device = Board()  # type: ignore[assignment]
    with pytest.raises(NoRoom, match="use a smaller text"):
        await dataset_upload.push_data(board, data.documents, data)


def test_samples_cut_at_the_context_are_marked_on_a_terminal(
    ugpt: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def texts(*_: Any, **__: Any) -> Any:
        yield SampledText(0, "anna", ended=True)
        yield SampledText(1, "annabea", ended=False)

    monkeypatch.setattr("ugpt.cli.commands.sample.sample_texts", texts)
    assert ugpt("sample").out == "anna\nannabea\n"
    monkeypatch.setattr("ugpt.view.streams._Sink.isatty", lambda sink: True)
    ended = ugpt("sample")
    assert ended.out == "anna\nannabea\x1b[90m…\x1b[0m\n"
    assert "Texts that stand in the data set are not marked: " in ended.err


def test_samples_that_stand_in_the_data_are_dim_on_a_terminal(
    ugpt: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def texts(*_: Any, **__: Any) -> Any:
        yield SampledText(0, "anna", ended=True)
        yield SampledText(1, "annabea", ended=True)

    (ugpt.folder / "t.txt").write_text("anna\nbea\n")
    ugpt("train", "t.txt", *QUICK)
    monkeypatch.setattr("ugpt.cli.commands.sample.sample_texts", texts)
    assert ugpt("sample").out == "anna\nannabea\n"
    monkeypatch.setattr("ugpt.view.streams._Sink.isatty", lambda sink: True)
    ended = ugpt("sample")
    assert ended.out == "\x1b[2manna\x1b[0m\nannabea\n"
    assert "not marked" not in ended.err
    (ugpt.folder / "t.txt").write_text("bea\n")
    assert "is not the text this run began with" in ugpt("sample").err


@given(st.lists(st.text(max_size=3)), st.text(max_size=3))
def test_known_texts_are_those_of_the_data(documents: list[str], text: str) -> None:
    known = KnownTexts(documents)
    assert (text in known) == (text in documents)
    assert all(document in known for document in documents)


def test_a_prompt_in_another_form(ugpt: Program) -> None:
    (ugpt.folder / "t.txt").write_text("josé\nzoé\n", "utf-8")
    ugpt("train", "t.txt", *QUICK)
    assert ugpt("sample", "-n", "1", "--prompt", "Jose\u0301").out.startswith("josé")
    assert "'x'" in ugpt("sample", "--prompt", "x", status=1).err


def test_a_pipe_with_a_name_is_no_file(ugpt: Program) -> None:
    os.mkfifo(ugpt.folder / "-p")
    for command in (["train"], ["plan"], ["data", "check"], ["data", "push"]):
        said = ugpt(*command, "--", "-p", status=1).err
        assert said.strip().endswith(f"ugpt {' '.join(command)} - < ./-p")


def test_a_file_that_looks_like_an_option(ugpt: Program) -> None:
    (ugpt.folder / "-dash.txt").write_text("anna\nbea\n")
    for command in (["train"], ["plan"], ["data", "check"], ["data", "push"]):
        said = " ".join(ugpt(*command, "-dash.txt", status=2).err.replace("│", " ").split())
        assert "-dash.txt is taken for an option; write ./-dash.txt for the file." in said
    assert "documents 2" in " ".join(ugpt("data", "check", "--", "-dash.txt").out.split())
    assert "No such option" in ugpt("train", "-other.txt", status=2).err


def test_an_empty_name_of_a_column(ugpt: Program) -> None:
    (ugpt.folder / "t.csv").write_text("id,name\n1,Anna\n")
    for command in (["train"], ["plan"], ["data", "check"], ["data", "push"]):
        said = ugpt(*command, "t.csv", "--column", " ", status=2).err
        assert said.startswith("error: --column needs the name of a column.")


def test_samples_with_line_ends_can_be_told_apart(ugpt: Program) -> None:
    (ugpt.folder / "t.txt").write_text("anna\n\nbea\n" * 20)
    ugpt("train", "t.txt", "--text", *QUICK)
    drawn = [
        json.loads(line)["text"]
        for line in ugpt("sample", "--seed=42", "--json").out.split("\n")[:20]
    ]
    kept = (ugpt.folder / "R" / "samples.txt").read_text("utf-8")
    border = kept.partition("\n")[0] + "\n"
    assert set(border) == {"=", "\n"}
    assert any("\n" in text for text in drawn)
    assert kept.removeprefix(border).removesuffix(f"\n{border}").split(f"\n{border}") == drawn


def test_every_error_is_one_sentence(ugpt: Program) -> None:
    (ugpt.folder / "t.csv").write_text("id,name\n1,Anna\n")
    said = ugpt("train", "t.csv", "--column", "town", status=1).err
    assert "It has: id, name." in said
    assert len(said.strip().splitlines()) == 1


def test_an_examination_of_windows(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("abcdefgh\n")
    found = Examination.of(Dataset.load(tmp_path / "t", Reading(window=0), 4), 4)
    assert (found.documents, found.windows, found.longer) == (1, 2, 0)

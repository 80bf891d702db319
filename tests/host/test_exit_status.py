"""The exit status of commands, and what they say when they end otherwise than well."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.support.in_process import Program
from ugpt.cli.ending import END_SIGNALS, Status
from ugpt.cli.numbers import decimal_number, protocol_number, whole_number
from ugpt.rpc.errors import NoAnswer
from ugpt.rpc.schema import Field
from ugpt.training.trainer import Outcome, Training

NAMES = Path(__file__).parents[2] / "data" / "names.txt"


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.FINISHED, 0), (Outcome.STOPPED, 130)])
def test_a_run_that_was_stopped(
    ugpt: Program, monkeypatch: pytest.MonkeyPatch, outcome: Outcome, status: int
) -> None:
    async def train(training: Training, display: object) -> Outcome:
        training._run.begin("a board")
        return outcome

    monkeypatch.setattr("ugpt.cli.commands.train._train", train)
    said = ugpt("train", NAMES, "--run", "R", "--plain", "--port", "/dev/ttyUSB0", status=status)
    go_on = "ugpt train --resume R --port /dev/ttyUSB0"
    assert (go_on in " ".join(said.err.split())) is (outcome is Outcome.STOPPED)


def test_the_documented_statuses_are_those_there_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "exit-status.md").read_text("utf-8")
    documented = {int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert documented == set(Status) | {128 + number for number in END_SIGNALS}


def ending_with(error: BaseException) -> Callable[[Coroutine[Any, Any, Any]], None]:
    def run(work: Coroutine[Any, Any, Any]) -> None:
        work.close()
        raise error

    return run


@pytest.mark.parametrize("command", ["info", "sample", "stop", "doctor", "reset"])
@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyboardInterrupt(), 130, ""),
        (NoAnswer("Nothing answers.", "Press reset."), 1, "error: Nothing answers. Press reset."),
        (ZeroDivisionError("by zero"), 1, "error: ugpt itself failed (ZeroDivisionError: by zero)"),
    ],
    ids=["Ctrl-C", "an error", "a mistake"],
)
def test_what_ends_a_command(
    ugpt: Program,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    error: BaseException,
    status: int,
    words: str,
) -> None:
    monkeypatch.setattr(asyncio, "run", ending_with(error))
    said = ugpt(command, "--port", "/dev/ttyUSB0", status=status)
    assert words in said.err
    assert "Traceback" not in said.out + said.err


def test_a_mistake_shows_where_it_was_on_request(
    ugpt: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "run", ending_with(ZeroDivisionError()))
    monkeypatch.setenv("UGPT_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        ugpt("info", "--port", "/dev/ttyUSB0")


@pytest.mark.parametrize(
    ("text", "number"), [("3", 3), ("7", 7), ("2", None), ("8", None), ("-3", None), ("4.0", None)]
)
def test_the_bounds_of_a_whole_number(text: str, number: int | None) -> None:
    parse = whole_number(3, 7)["parser"]
    if number is not None:
        assert parse(text) == number
        return
    with pytest.raises(typer.BadParameter, match="3 to 7"):
        parse(text)


def test_a_whole_number_without_an_upper_bound() -> None:
    parse = whole_number(3)["parser"]
    assert parse("99999999999999999999") == 99999999999999999999
    with pytest.raises(typer.BadParameter, match="3 or more"):
        parse("2")


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.5", 0.5), ("2", 2.0), ("0.49", None), ("2.01", None), ("nan", None), ("inf", None)],
)
def test_the_bounds_of_a_decimal_number(text: str, number: float | None) -> None:
    parse = decimal_number(0.5, 2.0)["parser"]
    if number is not None:
        assert parse(text) == number
        return
    with pytest.raises(typer.BadParameter, match=r"0\.5 to 2"):
        parse(text)


@pytest.mark.parametrize(
    ("field", "shown", "within", "beyond"),
    [
        (Field("few", "u16", 2, 9), "2 to 9", "9", "10"),
        (Field("any", "u32"), "0 to 2^32 - 1", "4294967295", "4294967296"),
        (Field("real", "f32", 0.5, 10.0), "0.5 to 10", "0.5", "0.4"),
    ],
)
def test_the_protocol_bounds_an_option(field: Field, shown: str, within: str, beyond: str) -> None:
    option = protocol_number(field)
    assert option["metavar"] == shown
    assert option["parser"](within) == float(within)
    with pytest.raises(typer.BadParameter, match=r"not in the range"):
        option["parser"](beyond)


WRONG_IN_THEMSELVES = [
    "train names --holdout x",
    "train names --holdout 0",
    "train names --holdout 100%",
    "train names --eval-every 5",
    "train names --eval-documents 5",
    "train names --window 16",
    "train names --text --column a",
    "train names --text --dedupe",
    "train names --n-head 3",
    "train names --warmup 1000",
    "train names --steps 5 --warmup 5",
    "train names --steps 16777216 --batch 1024",
    "train names --save-every x",
    "train names --port socket://h",
    "train names --port ftp://h:1",
    "train names --port rfc2217://[::x]:1",
    "train names --pace --port /dev/ttyUSB0",
    "train names --plain --json",
    "train absent.txt --warmup 1000",
    "info --port socket://h",
    "write a --port socket://h:70000",
    "monitor --port socket://board..local:1",
    "sample --start -1",
    "sim --listen x",
    "sim --listen :99999",
    "sim --board x",
    "plan --board x",
    "plan --n-head 3",
    "bench --n-head 3",
    "data check names --board x",
    "data check names --window 16",
    "data push names --window 16",
    "load R --step x",
    "compare R",
]

WRONG_HERE = [
    "train absent.txt",
    "train names --holdout 0.0001%",
    "train names --holdout 99999999",
    "train names --column a",
    "train --resume R",
    "train names --from R",
    "sample --run R",
    "info --port /dev/absent",
    "info --port socket://127.0.0.1:1",
    "sim --listen 192.0.2.1:9",
    "flash",
]

EMPTY = [
    ("train", ""),
    ("train", "names", "--run", ""),
    ("train", "names", "--port="),
    ("train", "names", "-p", ""),
    ("train", "names", "--column", ""),
    ("train", "names", "--holdout", ""),
    ("train", "--resume", ""),
    ("train", "names", "--from", ""),
    ("attach", "--data", ""),
    ("compare", "R", ""),
    ("data", "push", "names", ""),
    ("export", "", "--to", "c"),
    ("model", "convert", "a", ""),
    ("model", "push", "a", "--name", ""),
    ("runs", ""),
    ("sim", "--listen", ""),
    ("sim", "--board", ""),
    ("sim", "--flash", ""),
    ("write", "a", "--stop", ""),
]


@pytest.mark.parametrize("line", WRONG_IN_THEMSELVES)
def test_arguments_that_are_wrong_in_themselves(ugpt: Program, line: str) -> None:
    said = ugpt(*line.split(), status=2)
    assert "Traceback" not in said.err
    assert re.search(r"error:|Error", said.err)
    as_json = ugpt(*line.split(), "--json", status=2)
    if not line.startswith(("sim", "monitor")):
        assert json.loads(as_json.out.splitlines()[-1])["exit_status"] == 2
    assert not list(Path().glob("runs/*"))


@pytest.mark.parametrize("line", WRONG_HERE)
def test_arguments_that_are_wrong_with_the_files_and_boards_here(ugpt: Program, line: str) -> None:
    assert ugpt(*line.split(), status=1).err.count("error: ") == 1


@pytest.mark.parametrize("line", EMPTY, ids=" ".join)
def test_an_empty_text_is_no_argument(ugpt: Program, line: tuple[str, ...]) -> None:
    assert "it is empty" in " ".join(ugpt(*line, status=2).err.split())


@pytest.mark.parametrize(
    "line",
    [
        ("export", "R", "--to", "onnx"),
        ("train", "names", "--schedule", "square"),
        ("sweep", "names", "--set", "seed=1,2", "--sampler", "best"),
    ],
)
def test_a_word_that_is_no_choice(ugpt: Program, line: tuple[str, ...]) -> None:
    said = " ".join(ugpt(*line, status=2).err.split())
    assert f"Invalid value for '{line[-2]}': '{line[-1]}' is not one of" in said


def test_an_empty_text_may_be_a_prompt(ugpt: Program) -> None:
    for command in (("sample", "--prompt", ""), ("write", "")):
        assert "absent" in ugpt(*command, "--port", "/dev/absent", status=1).err


def test_a_command_that_is_nearly_one(ugpt: Program) -> None:
    assert "No such command 'trian'. Did you mean 'train'?" in ugpt("trian", status=2).err


@pytest.mark.parametrize("option", ["--install-completion", "--show-completion"])
def test_completion_is_for_the_shell_that_runs(ugpt: Program, option: str) -> None:
    said = " ".join(ugpt(option, "zsh", status=2).err.split())
    assert f"Invalid value for {option}" in said
    assert "run it in that shell" in said
    assert not list(ugpt.folder.iterdir())

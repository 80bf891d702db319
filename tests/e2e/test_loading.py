"""A run goes back onto a board, and what is on the board is safe from it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.host.test_runs import CONFIG
from tests.support.commands import CommandLine, digest, events_until_step
from tests.support.devices import device_process
from ugpt import Shape, tensor_shapes
from ugpt.runs.checkpoint import Checkpoint, Tensors
from ugpt.runs.folder import Run


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    with device_process(tmp_path / "sim.flash") as (_, address):
        yield address


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text("anna\nbella\ncarla\n")
    return file


def on_board(cli: CommandLine, port: str) -> tuple[int, list[str]]:
    """The run on a board, and what it writes."""
    info = json.loads(cli("info", "--port", port, "--json"))
    lines = cli("sample", "-n", "5", "--seed", "1", "--port", port, "--json").splitlines()
    return info["model"]["run_id"], [json.loads(line)["text"] for line in lines]


def names_of(cli: CommandLine, run: str, port: str, *more: str) -> list[str]:
    said = cli("sample", "--run", run, "-n", "5", "--seed", "1", "--port", port, "--json", *more)
    return [json.loads(line)["text"] for line in said.splitlines()]


def test_an_older_run_writes_again(
    cli: CommandLine, names: Path, text: Path, tmp_path: Path, port: str
) -> None:
    cli("train", names, "--steps", "60", "--run", "runs/first", "--port", port)
    _, first = on_board(cli, port)
    said = cli("train", text, "--steps", "60", "--run", "runs/second", "--port", port)
    assert f"ugpt sample --run second -n 20 --port {port}" in said
    _, second = on_board(cli, port)
    assert first != second
    assert names_of(cli, "first", port) == first
    assert on_board(cli, port)[1] == first
    # It is in the flash, too.
    cli("reset", "--port", port)
    assert on_board(cli, port)[1] == first
    loaded = json.loads(cli("load", "runs/second", "--port", port, "--json"))
    assert loaded["weights_sha256"] == digest(tmp_path / "runs" / "second")
    assert (loaded["was_there"], loaded["in_flash"]) == (False, True)
    again = json.loads(cli("load", "second", "--port", port, "--json"))
    assert again["was_there"] is True
    assert on_board(cli, port)[1] == second


def test_a_loaded_run_goes_on_as_if_it_had_stayed(
    cli: CommandLine, text: Path, tmp_path: Path, port: str
) -> None:
    cli("train", text, "--steps", "4000", "--run", "whole")
    with cli.running("train", text, "--steps", "4000", "--run", "part", "--json") as process:
        events_until_step(process, 100)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60.0)
    cli("load", "part", "--port", port)
    cli("train", "--resume", "part", "--port", port)
    assert digest(tmp_path / "part") == digest(tmp_path / "whole")


def test_weights_that_are_nowhere_else_stay(
    cli: CommandLine, text: Path, names: Path, port: str
) -> None:
    cli("train", names, "--steps", "5", "--run", "R")
    arguments = ("train", text, "--steps", "16000000", "--run", "lost", "--port", port)
    with cli.running(*arguments, "--json") as process:
        events_until_step(process, 100)
        process.kill()
    before, _ = on_board(cli, port)
    for command in (("load", "R"), ("sample", "--run", "R", "-n", "1")):
        said = cli.refused(*command, "--port", port)
        assert "saved in no run folder" in said
        assert "--overwrite" in said
        assert on_board(cli, port)[0] == before
    cli("sample", "--run", "R", "-n", "1", "--port", port, "--overwrite")
    assert on_board(cli, port)[0] != before


def test_a_detached_run_stays_even_from_its_own_folder(
    cli: CommandLine, text: Path, port: str
) -> None:
    cli("train", text, "--steps", "5", "--run", "R", "--port", port)
    cli("train", text, "--steps", "16000000", "--run", "long", "--detach", "--port", port)
    assert "trains by itself" in cli.refused("load", "R", "--port", port)


def test_a_damaged_checkpoint_reaches_no_board(
    cli: CommandLine, text: Path, names: Path, tmp_path: Path, port: str
) -> None:
    cli("train", text, "--steps", "5", "--run", "R")
    cli("train", names, "--steps", "5", "--run", "there", "--port", port)
    before = on_board(cli, port)
    file = tmp_path / "R" / "checkpoint.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "its digest is that of other values" in cli.refused("load", "R", "--port", port)
    assert "no checkpoint of step 3" in cli.refused("load", "there", "--step", "3")
    assert "was evaluated" in cli.refused("load", "there", "--step", "best")
    assert "neither a step" in cli.finished("load", "there", "--step", "x", code=2).stderr
    assert "There is no run nowhere" in cli.refused("sample", "--run", "nowhere")
    assert on_board(cli, port) == before


def test_a_model_that_does_not_fit_changes_nothing(
    cli: CommandLine, text: Path, tmp_path: Path, port: str
) -> None:
    cli("train", text, "--steps", "5", "--run", "there", "--port", port)
    before = on_board(cli, port)
    shape = Shape(4, 256, 4, 16, 6)

    def zeros() -> Tensors:
        return {name: np.zeros(size, np.float32) for name, size in tensor_shapes(shape).items()}

    run = Run.new(tmp_path / "large", replace(CONFIG, shape=shape))
    run.begin("another board")
    run.write_checkpoint(Checkpoint(100, zeros(), zeros(), zeros()), "abcde")
    said = cli.refused("load", "large", "--port", port)
    assert "more memory than the device has" in said
    assert on_board(cli, port) == before


def test_a_run_without_checkpoint(cli: CommandLine, tmp_path: Path) -> None:
    Run.new(tmp_path / "begun", CONFIG).begin("a board")
    assert "holds no checkpoint yet" in cli.refused("load", "begun")


# Files of `ugpt export`


@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_an_exported_file_is_the_way_back(
    cli: CommandLine, names: Path, text: Path, tmp_path: Path, port: str, ending: str
) -> None:
    cli("train", names, "--steps", "60", "--run", "runs/first", "--port", port)
    _, first = on_board(cli, port)
    cli("export", "first", "--to", ending)
    was = digest(tmp_path / "runs" / "first")
    cli("train", text, "--steps", "60", "--run", "runs/second", "--port", port)
    shutil.rmtree(tmp_path / "runs" / "first")
    file = f"first.{ending}"
    loaded = json.loads(cli("load", file, "--port", port, "--json"))
    assert loaded["weights_sha256"] == was
    assert (loaded["step"], loaded["was_there"], loaded["in_flash"]) == (60, False, True)
    assert on_board(cli, port)[1] == first
    cli("reset", "--port", port)
    assert on_board(cli, port)[1] == first
    done = cli.finished("load", file, "--port", port)
    said = done.stdout
    assert f"ugpt sample -n 20 --port {port}" in done.stderr
    assert f"{file} after 60 steps: " in said
    assert "holds it already" in said
    assert was in said


def test_the_twin_of_a_run_that_went_on(
    cli: CommandLine, names: Path, tmp_path: Path, port: str
) -> None:
    """The board holds more steps under the same number than this run was planned with."""
    cli("train", names, "--steps", "60", "--run", "r", "--port", port)
    shutil.copytree(tmp_path / "r", tmp_path / "twin")
    before = digest(tmp_path / "r")
    cli("train", "--resume", "twin", "--steps", "80", "--port", port)
    cli("train", "--resume", "r", "--port", port)
    assert digest(tmp_path / "r") == before


def test_a_file_with_other_characters_is_another_model(
    cli: CommandLine, names: Path, tmp_path: Path, port: str
) -> None:
    """Its weights, and so the number of its run, are the same."""
    cli("train", names, "--steps", "60", "--run", "r", "--port", port)
    cli("export", "r", "--to", "npz", "--out", "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    turned = arrays | {"vocabulary": arrays["vocabulary"][::-1]}
    np.savez(tmp_path / "b.npz", **turned)  # type: ignore[arg-type]
    characters = "".join(map(chr, arrays["vocabulary"]))
    there = {}
    for name in ("a.npz", "b.npz", "a.npz"):
        said = json.loads(cli("load", name, "--port", port, "--json"))
        assert not said["was_there"]
        there[name] = on_board(cli, port)[1]
    others = str.maketrans(characters, characters[::-1])
    assert there["b.npz"] == [text.translate(others) for text in there["a.npz"]]
    np.savez(tmp_path / "c.npz", **arrays | {"n_head": np.array(3)})  # type: ignore[arg-type]
    assert "16 cannot be divided among 3 heads" in cli.refused("load", "c.npz", "--port", port)


def test_a_file_takes_the_place_of_nothing_that_is_only_there(
    cli: CommandLine, text: Path, names: Path, port: str
) -> None:
    cli("train", names, "--steps", "5", "--run", "R")
    cli("export", "R", "--to", "npz")
    arguments = ("train", text, "--steps", "16000000", "--run", "lost", "--port", port)
    with cli.running(*arguments, "--json") as process:
        events_until_step(process, 100)
        process.kill()
    before, _ = on_board(cli, port)
    said = cli.refused("load", "R.npz", "--port", port)
    assert "saved in no run folder" in said
    assert on_board(cli, port)[0] == before
    cli("load", "R.npz", "--port", port, "--overwrite")
    assert on_board(cli, port)[0] != before


def test_a_file_that_is_no_model_changes_nothing(
    cli: CommandLine, text: Path, tmp_path: Path, port: str
) -> None:
    cli("train", text, "--steps", "5", "--run", "R", "--port", port)
    before = on_board(cli, port)
    cli("export", "R", "--to", "safetensors")
    file = tmp_path / "R.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert "R.safetensors holds no model to load" in cli.refused("load", file, "--port", port)
    assert "There is no file" in cli.refused("load", "absent.npz", "--port", port)
    os.mkfifo(tmp_path / "pipe")
    for other in (text, tmp_path / "pipe"):
        assert "it is not a folder" in cli.refused("load", other, "--port", port)
    said = cli.finished("load", file, "--step", "5", "--port", port, code=2).stderr
    assert "a file holds one model" in said
    assert on_board(cli, port) == before

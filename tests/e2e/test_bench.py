"""`ugpt bench` as its users run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from llama_models import SMALL, random_model

from tests.support.commands import CommandLine
from tests.support.devices import device_process
from tests.support.stories import put_model
from ugpt.models.layouts import TensorFormat

QUICK = ("--seconds", "0.1")


def test_table(cli: CommandLine) -> None:
    said = cli("bench", *QUICK)
    for word in ("steps/s", "names/s", "from it", "us a step"):
        assert word in said
    lines = [line.split() for line in said.splitlines()]
    shares = {
        line[0]: float(line[2].rstrip("%"))
        for line in lines
        if line and line[0] in ("embedding", "attention", "mlp", "loss", "adam")
    }
    assert len(shares) == 5
    assert abs(sum(shares.values()) - 100) < 0.5


def test_json(cli: CommandLine) -> None:
    lines = cli("bench", *QUICK, "--n-layer", "2", "--json").splitlines()
    assert len(lines) == 1
    measured = json.loads(lines[0])
    assert measured["shape"]["n_layer"] == 2
    assert measured["training"]["steps_per_s"] > 0
    assert measured["sampling"]["names_per_s"] > 0
    assert measured["link"]["sent_bytes_per_s"] > 0
    assert measured["phases"]["ticks_per_step"]["adam"] > 0


def test_receipts_have_one_digest(cli: CommandLine, tmp_path: Path) -> None:
    kept = Path(__file__).parents[2] / "bench" / "receipts" / "virtual-esp32.json"
    expected = json.loads(kept.read_text())
    with device_process(tmp_path / "flash") as (_, port):
        for option in ((), ("--port", port)):
            cli("bench", *QUICK, *option, "--receipt", "receipt.json")
            receipt = json.loads((tmp_path / "receipt.json").read_text())
            assert receipt["standard_run"] == expected["standard_run"]
            assert receipt.keys() == expected.keys()
            assert receipt["tokens_per_s"] > receipt["steps_per_s"] > 0
    said = cli.finished("bench", "--receipt", "x.json", "--n-embd", "32", code=2).stderr
    assert "standard model" in said


def test_the_virtual_device_of_the_user_is_not_used(
    cli: CommandLine, tmp_path: Path, names: Path
) -> None:
    cli("train", names, "--steps", "20", "--run", "R")
    (flash,) = (tmp_path / "state" / "ugpt").glob("*.flash")
    before = flash.read_bytes()
    cli("bench", *QUICK)
    assert flash.read_bytes() == before


def test_the_pretrained_model(cli: CommandLine, tmp_path: Path) -> None:
    put_model(tmp_path / "flash", random_model(SMALL), TensorFormat.Q8)
    with device_process(tmp_path / "flash") as (_, port):
        bench = ("bench", "--model", *QUICK, "--context", "30", "--port", port)
        said = cli(*bench)
        measured = json.loads(cli(*bench, "--json"))
    lines = {line.split()[0]: line for line in said.splitlines() if line}
    assert lines["model"].split()[1] == "test"
    assert " tokens/s" in lines["writing"]
    assert " tokens/s" in lines["estimated"]
    parts = ("embedding", "attention", "mlp", "logits", "choice")
    assert abs(sum(float(lines[part].split()[2].rstrip("%")) for part in parts) - 100) < 0.5
    assert measured["context"] == 30
    assert measured["texts"] > 0
    assert measured["tokens_per_s"] == pytest.approx(measured["tokens"] / measured["duration_s"])
    assert measured["phases"]["tokens"] > 0
    assert tuple(measured["phases"]["ticks_per_token"]) == parts
    assert min(measured["phases"]["ticks_per_token"].values()) > 0


def test_the_pretrained_model_of_a_board_without_one(cli: CommandLine, tmp_path: Path) -> None:
    with device_process(tmp_path / "flash") as (_, port):
        assert "ugpt model push" in cli.refused("bench", "--model", "--port", port)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "--n-embd", "32"), "is not for --model"),
        (("--model", "--receipt", "x.json"), "is not for --model"),
        (("--context", "30"), "is for --model only"),
    ],
)
def test_options_that_do_not_go_together(
    cli: CommandLine, options: tuple[str, ...], said: str
) -> None:
    assert said in cli.finished("bench", *options, code=2).stderr


def test_a_shape_that_cannot_be(cli: CommandLine) -> None:
    assert "cannot be divided" in cli.refused("bench", "--n-embd", "18", code=2)

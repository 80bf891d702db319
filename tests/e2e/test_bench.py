"""`ugpt bench` as its users run it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import CommandLine
from tests.support.devices import device_process

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


def test_a_shape_that_cannot_be(cli: CommandLine) -> None:
    assert "cannot be divided" in cli.refused("bench", "--n-embd", "18")

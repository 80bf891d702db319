"""Batches, schedules, packed moments and documents held out, as a user asks for them."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.commands import CommandLine, digest, events_until_step, losses

RECIPE = (
    "--batch", "2", "--schedule", "cosine", "--warmup", "20", "--weight-decay", "0.01",
    "--clip", "1", "--moments", "bf16", "--recompute", "--holdout", "10%", "--eval-every", "50",
)  # fmt: skip


def validations(run: Path) -> dict[int, float]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return {
        entry["step"]: entry["val_loss"] for entry in map(json.loads, lines) if "val_loss" in entry
    }


def test_holding_out_leaves_the_weights_alone(
    cli: CommandLine, names: Path, tmp_path: Path
) -> None:
    cli("train", names, "--steps", "200", "--run", "plain")
    said = cli("train", names, "--steps", "200", "--run", "R", "--holdout", "10%", "--plain")
    assert digest(tmp_path / "R") == digest(tmp_path / "plain")
    assert losses(tmp_path / "R") == losses(tmp_path / "plain")
    assert list(validations(tmp_path / "R")) == list(range(10, 201, 10))
    assert "5,163 documents (516 held out)" in said
    assert "validation loss at step 10: " in said
    assert not validations(tmp_path / "plain")


def test_evaluations_as_json(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    options = ("--holdout", "40", "--eval-every", "30", "--eval-documents", "9")
    said = cli("train", names, "--steps", "100", "--run", "R", "--json", *options)
    events = [json.loads(line) for line in said.splitlines()]
    validated = [event for event in events if event["event"] == "validated"]
    assert {event["documents"] for event in validated} == {9}
    assert {event["step"]: event["val_loss"] for event in validated} == validations(tmp_path / "R")
    assert list(validations(tmp_path / "R")) == [30, 60, 90, 100]
    assert events[0]["held_out"] == 40
    assert events[-1]["val_loss"] == validated[-1]["val_loss"]


def test_the_whole_recipe_learns_and_resumes(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    cli("train", names, "--steps", "2000", "--run", "straight", *RECIPE)
    with cli.running("train", names, "--steps", "2000", "--run", "R", "--json", *RECIPE) as process:
        events_until_step(process, 300)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    cli("train", "--resume", "R")
    assert digest(tmp_path / "R") == digest(tmp_path / "straight")
    for name in ("metrics.jsonl", "samples.txt"):
        assert (tmp_path / "R" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()
    found = validations(tmp_path / "R")
    assert list(found) == list(range(50, 2001, 50))
    assert found[2000] < found[50] - 0.2
    assert "batch" in cli.finished("train", "--resume", "R", "--batch", "3", code=2).stderr


def test_detached_runs_leave_out_what_is_held_out(
    cli: CommandLine, names: Path, tmp_path: Path
) -> None:
    cli("train", names, "--steps", "2000", "--run", "straight", *RECIPE)
    with cli.running("sim", "--listen", "127.0.0.1:0", "--flash", tmp_path / "flash") as process:
        assert process.stdout is not None
        port = process.stdout.readline().split()[-1]
        cli("train", names, "--steps", "2000", "--run", "R", "--detach", "--port", port, *RECIPE)
        said = cli("attach", "--port", port, "--run", "R", "--json")
    assert digest(tmp_path / "R") == digest(tmp_path / "straight")
    assert losses(tmp_path / "R") == losses(tmp_path / "straight")
    last = validations(tmp_path / "straight")[2000]
    assert validations(tmp_path / "R") == {2000: last}
    assert json.loads(said.splitlines()[-1])["val_loss"] == last


@pytest.mark.parametrize(
    ("options", "complaint", "code"),
    [
        (("--holdout", "100%"), "leaves none of 5,163 documents", 2),
        (("--holdout", "6000"), "leaves none of 5,163 documents", 1),
        (("--holdout", "0"), "is none", 2),
        (("--holdout", "some"), "not a part of a file", 2),
        (("--steps", "100", "--warmup", "100"), "takes the whole run of 100", 2),
        (("--steps", "16777216", "--batch", "1024"), "--steps 4194303", 2),
        (("--eval-every", "10"), "--eval-every needs documents that are held out", 2),
        (("--eval-documents", "10"), "--eval-documents needs documents that are held out", 2),
    ],
)
def test_refusals(
    cli: CommandLine,
    names: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    complaint: str,
    code: int,
) -> None:
    assert complaint in cli.refused("train", names, "--run", "R", *options, code=code)
    assert not (tmp_path / "R").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--batch", "0"),
        ("--schedule", "quadratic"),
        ("--moments", "f16"),
        ("--clip", "-1"),
        ("--weight-decay", "2"),
        ("--holdout", "10%", "--eval-every", "0"),
    ],
)
def test_misuse(cli: CommandLine, names: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    said = cli.finished("train", names, "--run", "R", *options, code=2).stderr
    assert options[-2] in said
    assert not (tmp_path / "R").exists()


def test_largest(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    said = cli("plan", "--largest", "--board", "esp32", "--json")
    found = [json.loads(line) for line in said.splitlines()]
    best = {entry["moments"]: entry for entry in found}
    assert list(best) == ["f32", "bf16", "q8"]
    parameters = [entry["parameters"] for entry in best.values()]
    assert parameters == sorted(set(parameters))
    table = cli("plan", "--largest", "--board", "esp32")
    assert all(f"{count:,}" in table for count in parameters)
    assert (
        "--largest chooses that"
        in cli.finished("plan", "--largest", "--n-layer", "2", code=2).stderr
    )

    for moments, entry in best.items():
        shape = ("--n-layer", str(entry["n_layer"]), "--n-embd", str(entry["n_embd"]))
        recompute = ["--recompute"] * entry["recompute"]
        options = (*shape, "--moments", moments, *recompute)
        cli("train", names, "--steps", "2", "--run", moments, *options)

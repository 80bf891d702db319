"""Runs that are extended, begun from and kept in steps, as a user does it on the command line."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.commands import CommandLine, digest, events_until_step

SMALL = ("--n-embd", "8", "--n-head", "2", "--block-size", "8")


def interrupted(cli: CommandLine, step: int, *arguments: str | Path) -> None:
    """Ends a training command by Ctrl-C after a step; it saves, and says so by its status."""
    with cli.running("train", *arguments, "--json") as process:
        events_until_step(process, step)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60.0)
    assert process.returncode == 130


def metrics(run: Path) -> bytes:
    return (run / "metrics.jsonl").read_bytes()


def shown(cli: CommandLine, *arguments: str | Path) -> list[str]:
    """The texts of one seed."""
    drawn = ("-n", "20", "--seed", "3", "--temperature", "1.5", "--json")
    said = cli("sample", *drawn, *arguments)
    return [json.loads(line)["text"] for line in said.splitlines()]


# More steps


def test_extended_with_a_constant_rate_equals_planned(
    cli: CommandLine, names: Path, tmp_path: Path
) -> None:
    constant = (*SMALL, "--schedule", "constant")
    cli("train", names, "--steps", "500", "--run", "planned", *constant)
    cli("train", names, "--steps", "300", "--run", "extended", *constant)
    said = cli("train", "--resume", "extended", "--steps", "500", "--plain")
    assert "From step 300 on the run is one of 500 steps, not 300." in said
    assert digest(tmp_path / "extended") == digest(tmp_path / "planned")
    for name in ("metrics.jsonl", "samples.txt"):
        files = (tmp_path / run / name for run in ("extended", "planned"))
        assert len({file.read_bytes() for file in files}) == 1
    config = (tmp_path / "extended" / "config.toml").read_text()
    assert "{ after = 300, total_steps = 300, run_id = " in config


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_an_interrupted_extension_equals_an_uninterrupted_one(
    cli: CommandLine, names: Path, tmp_path: Path, schedule: str
) -> None:
    options = ("--steps", "200", *SMALL, "--schedule", schedule)
    for run in ("whole", "part"):
        cli("train", names, "--run", run, *options)
    longer = ("--steps", "6000")
    cli("train", "--resume", "whole", *longer)
    interrupted(cli, 300, "--resume", "part", *longer)
    # The same command goes on with it, and so does the one without steps.
    interrupted(cli, 1500, "--resume", "part", *longer)
    cli("train", "--resume", "part")
    assert digest(tmp_path / "part") == digest(tmp_path / "whole")
    assert metrics(tmp_path / "part") == metrics(tmp_path / "whole")


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_rate_of_an_extension_is_that_of_the_longer_run(
    cli: CommandLine, names: Path, tmp_path: Path, schedule: str
) -> None:
    """So the run is one of its own kind: what came before the extension stays as it was."""
    options = (*SMALL, "--schedule", schedule)
    cli("train", names, "--steps", "400", "--run", "planned", *options)
    cli("train", names, "--steps", "200", "--run", "extended", *options)
    before = metrics(tmp_path / "extended")
    said = cli("train", "--resume", "extended", "--steps", "400", "--json")
    assert digest(tmp_path / "extended") != digest(tmp_path / "planned")
    assert metrics(tmp_path / "extended").startswith(before)
    rates = {
        event["step"]: event["learning_rate"]
        for event in map(json.loads, said.splitlines())
        if event["event"] == "progress"
    }
    assert rates[400] < 1e-4


def test_fewer_steps_than_are_done(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    cli("train", names, "--steps", "50", "--run", "R", *SMALL)
    before = {file.name: file.read_bytes() for file in (tmp_path / "R").iterdir()}
    said = cli.refused("train", "--resume", "R", "--steps", "49")
    assert "R has done 50 steps, and --steps 49 is fewer" in said
    assert {file.name: file.read_bytes() for file in (tmp_path / "R").iterdir()} == before


# The weights of another run


def test_from_the_same_characters(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    cli("train", names, "--steps", "300", "--run", "old", *SMALL)
    said = cli.finished("train", names, "--steps", "20", "--run", "new", "--from", "old").stderr
    assert "It begins with the weights of old after 300 steps, and fresh moments." in said
    assert "new to it" not in said
    assert "left out" not in said
    assert "n_embd = 8" in (tmp_path / "new" / "config.toml").read_text()
    first = json.loads(metrics(tmp_path / "new").splitlines()[0])["loss"]
    cli("train", names, "--steps", "1", "--run", "random", *SMALL)
    assert first < json.loads(metrics(tmp_path / "random").splitlines()[0])["loss"]


def test_from_other_characters_interrupted_and_resumed(
    cli: CommandLine, names: Path, tmp_path: Path
) -> None:
    text = tmp_path / "towns.txt"
    text.write_text("Rome\nOslo\nBern\nquito\n" * 20)
    cli("train", names, "--steps", "300", "--run", "old", *SMALL)
    arguments = (text, "--from", "old", "--steps", "5000")
    said = cli.finished("train", *arguments, "--run", "whole").stderr
    assert "3 characters ('BOR') are new to it and begin with random weights." in said
    assert "are not in this text and left out of the model." in said
    interrupted(cli, 300, *arguments, "--run", "part")
    (tmp_path / "old").rename(tmp_path / "gone")
    cli("train", "--resume", "part")
    assert digest(tmp_path / "part") == digest(tmp_path / "whole")
    assert metrics(tmp_path / "part") == metrics(tmp_path / "whole")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--block-size", "16", "The context of old is 8, and its weights fit no other"),
        ("--n-embd", "16", "The width of old is 8, and its weights fit no other"),
        ("--n-layer", "2", "The number of layers of old is 1"),
        ("--n-head", "4", "The number of heads of old is 2"),
    ],
)
def test_from_a_run_of_another_shape(
    cli: CommandLine, names: Path, tmp_path: Path, option: str, value: str, said: str
) -> None:
    cli("train", names, "--steps", "20", "--run", "old", *SMALL)
    before = shown(cli)
    assert said in cli.refused("train", names, "--from", "old", "--run", "new", option, value)
    assert not (tmp_path / "new").exists()
    assert shown(cli) == before


# Checkpoints on the way


def test_the_best_of_those_that_were_evaluated_stays(cli: CommandLine, tmp_path: Path) -> None:
    """Few texts are learnt by heart, so that the loss of those held out rises before the end."""
    text = tmp_path / "few.txt"
    text.write_text(
        "\n".join(["anna", "bella", "carla", "dora", "emma", "fanny", "greta", "hanna"])
    )
    cli(
        "train", text, "--steps", "1000", "--run", "R", "--keep", "2", "--save-every", "100",
        "--holdout", "2", "--eval-every", "100", "--schedule", "constant",
    )  # fmt: skip
    entries = [json.loads(line) for line in metrics(tmp_path / "R").splitlines()]
    losses = {entry["step"]: entry["val_loss"] for entry in entries if "val_loss" in entry}
    best = min(losses, key=lambda step: losses[step])
    assert best < 900
    kept = {file.name for file in (tmp_path / "R").glob("checkpoint*")}
    assert kept == {
        "checkpoint.safetensors", "checkpoint-900.safetensors", f"checkpoint-{best}.safetensors"
    }  # fmt: skip

    end = shown(cli)
    loaded = json.loads(cli("load", "R", "--step", "best", "--json"))
    assert loaded["step"] == best
    at_best = shown(cli)
    assert end != at_best
    another = json.loads(cli("load", "R", "--step", "900", "--json"))
    assert another["step"] == 900
    assert another["weights_sha256"] not in (loaded["weights_sha256"], digest(tmp_path / "R"))
    assert shown(cli, "--run", "R") == end
    assert "no checkpoint of step 500" in cli.refused("load", "R", "--step", "500")
    # The advice is about what has been loaded, and --run would mean the newest.
    said = cli.finished("load", "R", "--step", "900").stderr
    assert "--run" not in said.split("Let it write:")[1]
    assert "sample --run R -n 20" in cli.finished("load", "R").stderr
    # What was kept on the way is what a run of so many steps ends with.
    cli(
        "train", text, "--steps", str(best), "--run", "short", "--holdout", "2",
        "--eval-every", "100", "--schedule", "constant",
    )  # fmt: skip
    assert digest(tmp_path / "short") == loaded["weights_sha256"]
    assert shown(cli) == at_best

"""Every command as a user runs it."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from tests.support.commands import CommandLine, digest, losses
from ugpt import Shape, __version__, tensor_shapes


@pytest.fixture
def trained(cli: CommandLine, names: Path) -> CommandLine:
    cli("train", names, "--steps", "300", "--run", "R")
    return cli


def test_train_leaves_a_whole_folder(trained: CommandLine, tmp_path: Path) -> None:
    run = tmp_path / "R"
    found = sorted(path.name for path in run.iterdir())
    assert found == [
        "checkpoint.safetensors",
        "config.toml",
        "loss.png",
        "metrics.jsonl",
        "samples.txt",
        "weights.sha256",
    ]
    assert (run / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert len((run / "samples.txt").read_text().splitlines()) == 20
    values = losses(run)
    assert len(values) == 300
    assert all(float(np.float32(value)) == value for value in values)
    assert np.mean(values[-50:]) < np.mean(values[:50]) - 0.3

    tensors = safetensors.numpy.load_file(run / "checkpoint.safetensors")
    shapes = tensor_shapes(Shape(1, 16, 4, 16, 27))
    assert {name: tensors[name].shape for name in shapes} == shapes
    assert all(f"{kind}_moment.wte" in tensors for kind in ("first", "second"))
    content = b"".join(tensors[name].astype("<f4").tobytes() for name in shapes)
    assert digest(run) == hashlib.sha256(content).hexdigest()


def test_train_plain_lines(cli: CommandLine, names: Path) -> None:
    said = cli("train", names, "--steps", "40", "--run", "R").splitlines()
    assert said[0].startswith("training on virtual device (board esp32)")
    assert any(line.startswith("step 40 of 40  loss ") for line in said)
    assert "\x1b" not in "".join(said)


def test_train_json_lines(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    said = cli("train", names, "--steps", "40", "--run", "R", "--json")
    events = [json.loads(line) for line in said.splitlines()]
    assert events[0]["event"] == "started"
    assert events[-1]["event"] == "finished"
    assert len(events[-1]["samples"]) == 20
    steps = [event for event in events if event["event"] == "step"]
    assert [step["loss"] for step in steps] == losses(tmp_path / "R")


def test_any_script(cli: CommandLine, tmp_path: Path) -> None:
    text = "été\nnoël\n\n  straße \r\nça\nété\n日本\n空\n" * 5
    (tmp_path / "words.txt").write_text(text, "utf-8")
    cli("train", "words.txt", "--steps", "60", "--run", "R", "--block-size", "8")
    characters = set("éténoëlstraßeça日本空")
    assert set((tmp_path / "R" / "samples.txt").read_text("utf-8")) <= characters | {"\n"}
    assert cli("sample", "-n", "3", "--seed", "1", "--prompt", "ça").count("ça") >= 3


@pytest.mark.parametrize("init", ["device", "microgpt"])
def test_other_shapes(cli: CommandLine, names: Path, tmp_path: Path, init: str) -> None:
    shape = ("--n-layer", "2", "--n-embd", "24", "--n-head", "3", "--block-size", "9")
    cli("train", names, "--steps", "150", *shape, "--init", init, "--seed", "7", "--run", "R")
    assert np.mean(losses(tmp_path / "R")[-30:]) < 2.9


def test_sample_is_a_function_of_seed_and_number(trained: CommandLine) -> None:
    together = trained("sample", "-n", "6", "--seed", "5").splitlines()
    assert len(together) == 6
    one_by_one = [
        trained("sample", "-n", "1", "--seed", "5", "--start", str(number)).rstrip("\n")
        for number in range(3)
    ]
    assert one_by_one == together[:3]
    assert trained("sample", "-n", "6", "--seed", "6").splitlines() != together
    objects = [
        json.loads(line)
        for line in trained("sample", "-n6", "--seed=5", "--json").split("\n")
        if line
    ]
    assert [entry["text"] for entry in objects] == together
    assert [entry["number"] for entry in objects] == list(range(6))


def test_default_samples_are_those_of_the_run(trained: CommandLine, tmp_path: Path) -> None:
    again = trained("sample", "-n", "20", "--seed", "42")
    assert again == (tmp_path / "R" / "samples.txt").read_text()


def test_sample_with_prompt(trained: CommandLine) -> None:
    texts = trained("sample", "-n", "8", "--prompt", "ka").splitlines()
    assert len(texts) == 8
    assert all(text.startswith("ka") for text in texts)
    assert "'ä'" in trained.refused("sample", "--prompt", "kä")
    assert "Shorten it to 15" in trained.refused("sample", "--prompt", "a" * 16)


def test_info(cli: CommandLine, names: Path) -> None:
    said = cli("info")
    assert "none yet" in said
    assert "4.0 MiB" in said
    cli("train", names, "--steps", "20", "--run", "R")
    assert "step 20 of 20, saved at step 20" in cli("info")
    described = json.loads(cli("info", "--json"))
    assert described["firmware"] == {"program": __version__, "age": "same", "advice": ""}
    assert f"{described['hello']['device_id']:012x}" in said
    assert described["status"]["step"] == 20
    assert described["vocabulary"] == "abcdefghijklmnopqrstuvwxyz"


def test_ports(cli: CommandLine) -> None:
    assert "virtual" in cli("ports")
    assert json.loads(cli("ports", "--json").splitlines()[-1])["device"] == "virtual"


def test_plan(cli: CommandLine) -> None:
    said = cli("plan", "--board", "esp32")
    assert "4,192 parameters" in said
    assert "It fits" in said
    said = cli("plan", "--board", "esp32", "--n-embd", "64", code=1)
    assert "It does not fit; missing: " in said
    nearest = json.loads(cli("plan", "--n-embd", "64", "--json", code=1))["nearest"]
    assert nearest
    for option in nearest:
        assert "It fits" in cli("plan", "--n-embd", "64", *option.split())


def test_plan_shows_every_way_to_use_less_memory(cli: CommandLine) -> None:
    shape = ("--n-layer", "2", "--n-embd", "32")
    choices = json.loads(cli("plan", *shape, "--json", code=1))["choices"]
    assert len(choices) == 6
    sizes = [choice["total_bytes"] for choice in choices]
    assert sizes[:3] == sorted(sizes[:3], reverse=True)
    assert all(again < kept for kept, again in zip(sizes[:3], sizes[3:], strict=True))
    for choice in choices:
        options = ["--moments", choice["moments"], *["--recompute"] * choice["recompute"]]
        code = 0 if choice["fits"] else 1
        assert ("It fits" in cli("plan", *shape, *options, code=code)) == choice["fits"]
    table = cli("plan", *shape, code=1).splitlines()
    assert next(line for line in table if "--recompute" in line).split()[-2:] == ["bf16", "q8"]


@pytest.mark.parametrize("link", [("--pty",), ("--listen", "127.0.0.1:0")])
def test_sim(cli: CommandLine, names: Path, tmp_path: Path, link: tuple[str, ...]) -> None:
    with cli.running("sim", *link, "--flash", tmp_path / "flash") as process:
        assert process.stdout is not None
        port = process.stdout.readline().split()[-1]
        cli("train", names, "--steps", "30", "--run", "R", "--port", port)
        first = cli("sample", "-n", "3", "--seed", "1", "--port", port)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    # A device started later, on the same flash, still has the model.
    with cli.running("sim", *link, "--flash", tmp_path / "flash") as process:
        assert process.stdout is not None
        port = process.stdout.readline().split()[-1]
        assert cli("sample", "-n", "3", "--seed", "1", "--port", port) == first


@pytest.mark.parametrize("name", ["train", "sample", "info", "ports", "plan", "sim"])
def test_help_has_examples(cli: CommandLine, name: str) -> None:
    said = cli(name, "--help")
    assert "Examples:" in said
    assert f"ugpt {name}" in said


def test_version(cli: CommandLine) -> None:
    assert cli("--version").startswith("ugpt ")

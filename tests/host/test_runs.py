from __future__ import annotations

import datetime
import errno
import hashlib
import io
import json
import os
import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import tomli_w

from ugpt import MomentFormat, Recipe, Schedule, Shape, tensor_shapes
from ugpt.runs.checkpoint import Checkpoint, Tensors
from ugpt.runs.config import Init, RunConfig
from ugpt.runs.errors import RunError
from ugpt.runs.folder import Run, default_path
from ugpt.runs.metrics import Metrics

SHAPE = Shape(1, 8, 2, 4, 6)
CONFIG = RunConfig(
    data=Path('/some "quoted"/naïve\\path.txt'),
    data_sha256="ab" * 32,
    shape=SHAPE,
    recipe=Recipe(0.01, 0.85, 0.99, 1e-8, 100),
    seed=2**64 - 1,
    init=Init.MICROGPT,
    save_every=10,
    run_id=77,
    device="",
    ugpt="0.1.0",
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.new(tmp_path / "runs" / "a", CONFIG)
    run.begin("virtual device")
    return run


def checkpoint(step: int) -> Checkpoint:
    generator = np.random.default_rng(step)

    def tensors() -> Tensors:
        return {
            name: generator.normal(size=size).astype(np.float32)
            for name, size in tensor_shapes(SHAPE).items()
        }

    return Checkpoint(step, tensors(), tensors(), tensors())


def test_configuration_survives(run: Run) -> None:
    again = Run.open(run.path)
    assert again.config == replace(CONFIG, device="virtual device")


def test_nothing_is_made_before_begin(tmp_path: Path) -> None:
    Run.new(tmp_path / "a", CONFIG)
    assert not (tmp_path / "a").exists()


def test_a_folder_that_cannot_be_filled_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="disk is full"):
        Run.new(tmp_path / "runs" / "a", CONFIG).begin("")
    assert not (tmp_path / "runs" / "a").exists()


def test_what_exists_is_refused(run: Run) -> None:
    with pytest.raises(RunError, match=r"exists already.*--resume"):
        Run.new(run.path, CONFIG)


def test_a_recipe_beyond_the_default_survives(tmp_path: Path) -> None:
    recipe = Recipe(
        0.01, 0.85, 0.99, 1e-8, 100, 4, Schedule.COSINE, 10, 0.1, 1.5, MomentFormat.Q8, True
    )
    config = replace(CONFIG, recipe=recipe, validation_documents=7, eval_every=5, eval_documents=3)
    run = Run.new(tmp_path / "a", config)
    run.begin("")
    assert Run.open(run.path).config == config
    assert 'moments = "q8"' in (run.path / "config.toml").read_text()


def test_a_configuration_of_an_older_version_opens(run: Run) -> None:
    (run.path / "config.toml").write_text(
        f"""data = "names.txt"
data_sha256 = "{"ab" * 32}"
seed = 42
init = "device"
save_every = 0
run_id = 7
device = ""
ugpt = "0.1.0"

[shape]
n_layer = 1
n_embd = 16
n_head = 4
block_size = 16
vocab_size = 27

[recipe]
learning_rate = 0.01
beta1 = 0.85
beta2 = 0.99
epsilon = 1e-08
total_steps = 1000
"""
    )
    config = Run.open(run.path).config
    assert config.recipe == Recipe(0.01, 0.85, 0.99, 1e-8, 1000)
    assert (config.recipe.batch, config.recipe.moments) == (1, MomentFormat.F32)
    assert not any(config.evaluates_after(step) for step in range(1001))


def test_evaluations_are_spread_over_a_run() -> None:
    config = replace(CONFIG, validation_documents=5, eval_every=30, eval_documents=5)
    assert [step for step in range(101) if config.evaluates_after(step)] == [30, 60, 90, 100]
    assert [config.next_evaluation(step) for step in (0, 29, 30, 99)] == [30, 30, 60, 100]
    assert CONFIG.next_evaluation(40) == 100


@pytest.mark.parametrize("content", ["", "run_id = ", 'data = "x"', "\0", "RECIPE"])
def test_damaged_configuration(run: Run, content: str) -> None:
    if content == "RECIPE":
        content = CONFIG.to_toml().replace('moments = "f32"', 'moments = "f8"')
    (run.path / "config.toml").write_text(content)
    with pytest.raises(RunError, match="not the configuration"):
        Run.open(run.path)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"seed": "x"}, "seed is no whole number"),
        ({"seed": True}, "seed is no whole number"),
        ({"save_every": 1.5}, "save_every is no whole number"),
        ({"held_out": -5}, "held_out is no whole number"),
        ({"device": 7}, "device is no text"),
        ({"recipe": [{}]}, "recipe is no table"),
        ({"recipe": "linear"}, "recipe is no table"),
        ({"recipe": {**asdict(CONFIG.recipe), "total_steps": 0}}, "total_steps is 0"),
        ({"shape": {**asdict(SHAPE), "n_embd": 16.5}}, "n_embd must be an integer"),
        ({"shape": "small"}, "must be a mapping"),
        ({"init": "random"}, "not a valid Init"),
        ({"more": 1}, "unexpected keyword"),
    ],
    ids=str,
)
def test_configuration_without_sense(run: Run, wrong: dict[str, Any], reason: str) -> None:
    values = tomllib.loads(CONFIG.to_toml())
    if isinstance(recipe := wrong.get("recipe"), dict):
        wrong = {"recipe": {**recipe, "schedule": "linear", "moments": "f32"}}
    (run.path / "config.toml").write_text(tomli_w.dumps({**values, **wrong}))
    with pytest.raises(RunError, match=f"not the configuration of a run: .*{reason}"):
        Run.open(run.path)


@pytest.mark.parametrize("name", [os.fsdecode(b"names\xff.txt"), "\ud800"])
def test_a_name_that_is_no_text_is_refused(tmp_path: Path, name: str) -> None:
    for path, data in ((tmp_path / "a", Path(name)), (tmp_path / name, Path("names.txt"))):
        with pytest.raises(RunError, match=r"not UTF-8 text.*Rename"):
            Run.new(path, replace(CONFIG, data=data))
    assert not any(tmp_path.iterdir())


def test_checkpoint_survives(run: Run) -> None:
    assert run.read_checkpoint(tensor_shapes(SHAPE)) is None
    written = checkpoint(30)
    digest = run.write_checkpoint(written, "abcde")
    read = run.read_checkpoint(tensor_shapes(SHAPE))
    assert read is not None
    assert read.step == 30
    for kind in ("weights", "first_moment", "second_moment"):
        ours: Tensors = getattr(read, kind)
        for name, values in getattr(written, kind).items():
            np.testing.assert_array_equal(ours[name], values)
    content = b"".join(values.tobytes() for values in written.weights.values())
    assert digest == hashlib.sha256(content).hexdigest()
    with safetensors.safe_open(run.path / "checkpoint.safetensors", framework="numpy") as file:
        metadata = file.metadata()
        assert file.get_slice("wte").get_dtype() == "F32"
    assert metadata["vocabulary"] == "abcde"
    assert json.loads(metadata["shape"])["n_embd"] == 8


def test_damaged_checkpoint_is_told(run: Run) -> None:
    run.write_checkpoint(checkpoint(30), "abcde")
    file = run.path / "checkpoint.safetensors"
    with pytest.raises(RunError, match="another shape"):
        run.read_checkpoint(tensor_shapes(replace(SHAPE, n_embd=4)))
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(RunError, match="is damaged"):
        run.read_checkpoint(tensor_shapes(SHAPE))


@pytest.mark.parametrize("place", [-1, -1200, -2400])
def test_altered_value_in_a_checkpoint_is_told(run: Run, place: int) -> None:
    run.write_checkpoint(checkpoint(30), "abcde")
    file = run.path / "checkpoint.safetensors"
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(RunError, match="is damaged: its digest is that of other values"):
        run.read_checkpoint(tensor_shapes(SHAPE))


def test_another_step_in_a_checkpoint_is_told(run: Run) -> None:
    run.write_checkpoint(checkpoint(30), "abcde")
    file = run.path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes().replace(b'"step":"30"', b'"step":"31"'))
    with pytest.raises(RunError, match="is damaged"):
        run.read_checkpoint(tensor_shapes(SHAPE))


def test_checkpoint_of_0_1_0_has_no_digest(run: Run) -> None:
    written = checkpoint(30)
    run.write_checkpoint(written, "abcde")
    file = run.path / "checkpoint.safetensors"
    with safetensors.safe_open(file, framework="numpy") as content:
        metadata = {key: value for key, value in content.metadata().items() if key != "sha256"}
        tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
    file.write_bytes(safetensors.numpy.save(tensors, metadata))
    read = run.read_checkpoint(tensor_shapes(SHAPE))
    assert read is not None
    assert read.step == 30
    np.testing.assert_array_equal(read.weights["wte"], written.weights["wte"])


def test_failed_write_keeps_the_old_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.write_samples(["anna"])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="disk is full"):
        run.write_samples(["bob", "zoe"])
    assert (run.path / "samples.txt").read_text() == "anna\n"
    assert sorted(path.name for path in run.path.iterdir()) == ["config.toml", "samples.txt"]


def test_the_border_between_samples_stands_in_none(run: Run) -> None:
    texts = ["=" * 45, "a\n" + "=" * 40 + "\n", ""]
    run.write_samples(texts, several_lines=True)
    border = "=" * 46 + "\n"
    written = (run.path / "samples.txt").read_text()
    assert written == border + "".join(f"{text}\n{border}" for text in texts)


def test_metrics_hold_every_bit(tmp_path: Path) -> None:
    values = [float(value) for value in np.random.default_rng(1).normal(3, 1, 500).astype("f4")]
    path = tmp_path / "metrics.jsonl"
    assert Metrics.open(path).record(1, values, [5] * 500) is None
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["loss"] for entry in entries] == values
    assert [entry["step"] for entry in entries] == list(range(1, 501))
    assert list(Metrics.open(path).losses) == values


def test_repeated_steps_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics.open(path)
    metrics.record(1, [4.0, 3.0, 2.0], [1, 1, 1])
    before = path.read_bytes()
    assert metrics.record(2, [3.0, 2.0], [1, 1]) is None
    assert path.read_bytes() == before
    assert metrics.record(1, [4.0, 3.5, 2.5, 1.5], [1, 1, 1, 1]) == 2
    assert list(Metrics.open(path).losses) == [4.0, 3.5, 2.5, 1.5]
    with pytest.raises(ValueError, match="gap"):
        metrics.record(6, [1.0], [1])


def test_validation_joins_the_object_of_its_step(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics.open(path)
    metrics.record(1, [4.0, 3.0], [1, 1])
    metrics.record_validation(2.123456789012345)
    metrics.record(3, [2.0], [1])
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": 1, "loss": 4.0, "tokens": 1},
        {"step": 2, "loss": 3.0, "tokens": 1, "val_loss": 2.123456789012345},
        {"step": 3, "loss": 2.0, "tokens": 1},
    ]
    again = Metrics.open(path)
    assert again.val_losses == {2: 2.123456789012345}
    assert again.record(1, [4.0, 3.5], [1, 1]) == 2
    assert again.val_losses == {}
    assert Metrics.open(path).val_losses == {}


@pytest.mark.parametrize("kept", [1, 10, 25])
def test_validation_that_was_torn_is_done_again(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics.open(path)
    metrics.record(1, [4.0, 3.0], [1, 1])
    size = path.stat().st_size
    metrics.record_validation(2.123456789012345)
    path.write_bytes(path.read_bytes()[: size - 2 + kept])
    assert Metrics.open(path).step == 1


def test_full_disk_leaves_a_line_without_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics.open(path)
    metrics.record(1, [4.0, 3.0], [1, 1])
    whole = path.read_bytes()
    plain_open = Path.open

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > len(whole) + 5:
                if self.tell() < len(whole):
                    return super().write(data[: len(whole) + 5 - self.tell()])
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    def full_open(self: Path, mode: str = "r", *options: Any, **more: Any) -> Any:
        return Full(self, "r+") if mode == "rb+" else plain_open(self, mode, *options, **more)

    monkeypatch.setattr(Path, "open", full_open)
    with pytest.raises(RunError, match="disk is full"):
        metrics.record_validation(2.5)
    assert path.read_bytes() == whole
    assert metrics.val_losses == {}


def test_torn_line_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    Metrics.open(path).record(1, [4.0, 3.0], [1, 1])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"step": 3, "lo')
    assert Metrics.open(path).step == 2
    assert path.read_bytes() == whole


def test_a_gap_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics.open(path)
    metrics.record(1, [3.0, 2.0], [5, 5])
    metrics.give_up(4)
    metrics.record(5, [1.0, 0.5], [5, 5])
    again = Metrics.open(path)
    assert again.step == 6
    assert np.array_equal(again.losses, [3.0, 2.0, np.nan, np.nan, 1.0, 0.5], equal_nan=True)
    assert again.record(3, [9.0, 9.0, 1.0, 0.25], [5] * 4) == 6
    steps = [json.loads(line)["step"] for line in path.read_text().splitlines()]
    assert steps == [1, 2, 5, 6]


@pytest.mark.parametrize(
    "line", ['{"step": 0, "loss": 1.0}', '{"step": 1}', "[]", '{"step": 1, "loss": "x"}', "\xff"]
)
def test_foreign_metrics_are_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line + "\n", "latin-1")
    with pytest.raises(RunError, match="Line 1 of"):
        Metrics.open(path)


def test_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics.open(path)
    metrics.record(1, [4.0], [1])
    whole = path.read_bytes()
    plain_open = Path.open

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() > len(whole):
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data[:10])

    def full_open(self: Path, mode: str = "r", *options: Any, **more: Any) -> Any:
        return Full(self, "a") if mode == "ab" else plain_open(self, mode, *options, **more)

    monkeypatch.setattr(Path, "open", full_open)
    with pytest.raises(RunError, match="disk is full"):
        metrics.record(2, [3.0, 2.0], [1, 1])
    assert path.read_bytes() == whole
    assert metrics.step == 1


def test_default_path_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    now = datetime.datetime(2026, 1, 2, 3, 4, 5)
    first = default_path("names", now)
    assert first == Path("runs/names-20260102-030405")
    first.mkdir(parents=True)
    assert default_path("names", now).name == "names-20260102-030405-2"

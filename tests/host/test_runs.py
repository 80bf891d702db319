from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import json
import os
import stat
import sys
import tomllib
from collections.abc import Callable
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
from ugpt.runs.errors import DamagedCheckpoint, DiskFull, RunError
from ugpt.runs.files import write_atomically
from ugpt.runs.folder import Run, default_path
from ugpt.runs.identity import Identity
from ugpt.runs.metrics import Metrics
from ugpt.runs.save_period import EVERY_MINUTE, SavePeriod
from ugpt.sweep.conductor import objective

SHAPE = Shape(1, 8, 2, 4, 6)
CONFIG = RunConfig(
    data=Path('/some "quoted"/naïve\\path.txt'),
    data_sha256="ab" * 32,
    shape=SHAPE,
    recipe=Recipe(0.01, 0.85, 0.99, 1e-8, 100),
    seed=2**64 - 1,
    init=Init.MICROGPT,
    save_every=SavePeriod(steps=10),
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


class Disk:
    """A disk with room for files of so many bytes; `error` is what the system says of more."""

    def __init__(self) -> None:
        self.most_bytes = 2**20
        self.error = errno.ENOSPC
        self._write = os.write

    def write(self, descriptor: int, content: bytes) -> int:
        end = os.fstat(descriptor).st_size
        at = os.lseek(descriptor, 0, os.SEEK_CUR)
        room = self.most_bytes - max(at, end if at == 0 else 0)
        if room <= 0:
            raise OSError(self.error, os.strerror(self.error))
        return self._write(descriptor, content[:room])


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr("os.write", disk.write)
    return disk


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


def test_a_kill_never_leaves_a_folder_without_its_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", killed)
    run = Run.new(tmp_path / "runs" / "a", CONFIG, b"anna\n")
    with pytest.raises(KeyboardInterrupt):
        run.begin("")
    assert not (tmp_path / "runs" / "a").exists()
    monkeypatch.undo()
    again = Run.new(tmp_path / "runs" / "a", CONFIG, b"anna\n")
    again.begin("")
    assert sorted(path.name for path in again.path.iterdir()) == ["config.toml", "input.txt"]
    assert again.path.stat().st_mode & 0o777 == (tmp_path / "runs").stat().st_mode & 0o777


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
    assert config.save_every == EVERY_MINUTE
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
        ({"seed": "x"}, "seed is not a whole number"),
        ({"seed": True}, "seed is not a whole number"),
        ({"save_every": 1.5}, "save_every is not text"),
        ({"save_every": "soon"}, "'soon' is not a time"),
        ({"held_out": -5}, "held_out is not a whole number"),
        ({"seed": 2**64}, r"seed is not a whole number from 0 to 2\^64 - 1"),
        ({"run_id": 0}, "run_id is not a whole number from 1"),
        ({"run_id": 2**32}, r"run_id is not a whole number from 1 to 2\^32 - 1"),
        ({"keep": 0}, "keep is not a whole number from 1 to 1,000"),
        ({"eval_every": 10**30}, "eval_every is not a whole number"),
        ({"eval_documents": 2**32}, "eval_documents is not a whole number"),
        ({"joint": {"workers": 0, "sync": 5}}, "workers of joint is not a whole number from 1"),
        ({"joint": {"workers": 2, "sync": 2**32}}, "sync of joint is not a whole number"),
        ({"device": 7}, "device is not text"),
        ({"recipe": [{}]}, "recipe is not a table"),
        ({"recipe": "linear"}, "recipe is not a table"),
        ({"recipe": {**asdict(CONFIG.recipe), "total_steps": 0}}, "total_steps is 0"),
        ({"recipe": {**asdict(CONFIG.recipe), "learning_rate": 10**60}}, "learning_rate is 1,000"),
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


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\x01", "its header cannot be read"),
        (b"not a checkpoint at all, but a text", "its header cannot be read"),
        (b"\x02" + bytes(7) + b"{}", "its header cannot be read"),
        (b"\x02" + bytes(7) + b"[]", "its header cannot be read"),
    ],
)
@pytest.mark.parametrize("padding", [0, 2**21])  # a large file is judged by its header
def test_what_is_damaged_is_said_in_words(
    run: Run, content: bytes, reason: str, padding: int
) -> None:
    file = run.path / "checkpoint.safetensors"
    file.write_bytes(content + bytes(padding if content else 0))
    expected = f"{file} is damaged: {reason}."
    for read in (lambda: run.read_checkpoint(tensor_shapes(SHAPE)), lambda: run.saved_step):
        with pytest.raises(DamagedCheckpoint) as caught:
            read()
        assert caught.value.message == expected


@pytest.mark.parametrize(
    ("change", "reason"),
    [(lambda c: c[:-9], "it is cut off"), (lambda c: c + b"more", "it is too long")],
)
def test_a_checkpoint_of_another_length_is_told(
    run: Run, change: Callable[[bytes], bytes], reason: str
) -> None:
    run.write_checkpoint(checkpoint(30), "abcde")
    file = run.path / "checkpoint.safetensors"
    file.write_bytes(change(file.read_bytes()))
    for read in (lambda: run.read_checkpoint(tensor_shapes(SHAPE)), lambda: run.saved_step):
        with pytest.raises(DamagedCheckpoint, match=reason):
            read()


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


@pytest.mark.parametrize("later", [[], [2.0], [2.0, 1.0]])
def test_full_disk_leaves_a_line_without_validation_until_there_is_room(
    tmp_path: Path, disk: Disk, later: list[float]
) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics.open(path)
    metrics.record(1, [4.0, 3.0], [1, 1])
    whole = path.read_bytes()
    disk.most_bytes = len(whole) + 5
    with pytest.raises(DiskFull, match="disk is full"):
        metrics.record_validation(2.5)
    for loss in later:
        with pytest.raises(DiskFull):
            metrics.record(metrics.step + 1, [loss], [1])
    assert path.read_bytes() == whole
    assert metrics.val_losses == {2: 2.5}
    disk.most_bytes = 2**20
    metrics.flush()
    again = Metrics.open(path)
    assert list(again.losses) == [4.0, 3.0, *later]
    assert again.val_losses == {2: 2.5}
    assert not again.damaged


@pytest.mark.parametrize("pending", [False, True])
def test_other_failures_leave_a_line_without_validation(
    tmp_path: Path, disk: Disk, pending: bool
) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics.open(path)
    metrics.record(1, [4.0], [1])
    whole = path.read_bytes()
    disk.most_bytes = len(whole) + 5
    if pending:
        with pytest.raises(DiskFull):
            metrics.record(2, [3.0], [1])
    disk.error = errno.EIO
    with pytest.raises(RunError, match="cannot be written"):
        metrics.record_validation(2.5)
    assert path.read_bytes() == whole
    assert metrics.val_losses == {}
    disk.most_bytes = 2**20
    metrics.flush()
    again = Metrics.open(path)
    assert again.step == 1 + pending
    assert again.val_losses == {}


def test_torn_line_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    Metrics.open(path).record(1, [4.0, 3.0], [1, 1])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"step": 3, "lo')
    metrics = Metrics.open(path)
    assert metrics.step == 2
    assert metrics.damaged
    metrics.record_validation(2.5)
    assert path.read_bytes() == whole[:-2] + b', "val_loss": 2.5}\n'


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


def test_full_disk_leaves_whole_lines_until_there_is_room(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics.open(path)
    metrics.record(1, [4.0], [1])
    whole = path.read_bytes()
    disk.most_bytes = len(whole) + 10
    for step in (2, 3):
        with pytest.raises(DiskFull, match="disk is full"):
            metrics.record(step, [5.0 - step], [1])
        assert path.read_bytes() == whole
        assert metrics.step == step
    with pytest.raises(DiskFull):
        metrics.record_validation(2.5)
    disk.most_bytes = 2**20
    metrics.record(4, [1.0], [1])
    again = Metrics.open(path)
    assert list(again.losses) == [4.0, 3.0, 2.0, 1.0]
    assert again.val_losses == {3: 2.5}


def test_other_failures_leave_whole_lines(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics.open(path)
    metrics.record(1, [4.0], [1])
    whole = path.read_bytes()
    disk.most_bytes, disk.error = len(whole) + 10, errno.EIO
    with pytest.raises(RunError, match="cannot be written"):
        metrics.record(2, [3.0, 2.0], [1, 1])
    assert path.read_bytes() == whole
    assert metrics.step == 1


LINKED = ["config.toml", "metrics.jsonl", "checkpoint.safetensors", "input.txt"]


@pytest.mark.parametrize("name", LINKED)
@pytest.mark.parametrize("target", ["/etc/hostname", "/dev/zero", "nowhere", "elsewhere"])
def test_a_link_in_a_run_folder_leads_nowhere(run: Run, name: str, target: str) -> None:
    run.write_checkpoint(checkpoint(30), "abcde")
    place = run.path / name
    if target == "elsewhere" and place.exists():
        (run.path.parent / "elsewhere").write_bytes(place.read_bytes())
        target = "../elsewhere"
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    with pytest.raises(RunError, match=rf"{name} cannot be read: it is a symbolic link"):
        Run.open(run.path).read_checkpoint(tensor_shapes(SHAPE))


@pytest.mark.parametrize("name", LINKED[:3])
def test_a_pipe_or_a_folder_in_a_run_folder_is_told(run: Run, name: str) -> None:
    for make in (os.mkfifo, os.mkdir):
        place = run.path / name
        kept = place.read_bytes() if place.is_file() else None
        place.unlink(missing_ok=True)
        make(place)
        with pytest.raises(RunError, match=rf"{name} cannot be read"):
            Run.open(run.path).read_checkpoint(tensor_shapes(SHAPE))
        place.rmdir() if place.is_dir() else place.unlink()
        if kept is not None:
            place.write_bytes(kept)


@pytest.mark.parametrize(
    "name",
    ["checkpoint.safetensors", "weights.sha256", "samples.txt", "loss.png", "metrics.jsonl"],
)
def test_nothing_is_written_through_a_link(run: Run, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = run.path / name
    link.unlink(missing_ok=True)
    link.symlink_to(victim)
    with contextlib.suppress(RunError):
        run.metrics.record(1, [4.0], [1])
    run.write_checkpoint(checkpoint(30), "abcde")
    run.write_samples(["anna"])
    run.write_plot(b"picture")
    assert victim.read_text() == "precious"


def test_two_programs_write_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "last-device.json"
    sync = os.fsync

    def sync_late(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", sync)
        write_atomically(file, b"of the other program")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync_late)
    write_atomically(file, b"of this program")
    assert file.read_bytes() == b"of this program"
    assert list(tmp_path.iterdir()) == [file]


def test_files_that_are_too_large_are_told(run: Run) -> None:
    for name in LINKED[:3]:
        place = run.path / name
        kept = place.read_bytes() if place.exists() else None
        with place.open("wb") as file:
            file.truncate(2**40)
        with pytest.raises(RunError, match=rf"{name} is too large"):
            Run.open(run.path).read_checkpoint(tensor_shapes(SHAPE))
        place.unlink()
        if kept is not None:
            place.write_bytes(kept)


@pytest.mark.parametrize("name", ["y" * 300, "x/" * 3000])
def test_a_path_that_is_too_long_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="cannot be used: File name too long"):
        Run.new(tmp_path / name, CONFIG)
    with pytest.raises(RunError, match="cannot be read: File name too long"):
        Run.open(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("30s", SavePeriod(seconds=30)),
        ("2m", SavePeriod(seconds=120)),
        ("90s", SavePeriod(seconds=90)),
        ("24h", SavePeriod(seconds=86_400)),
        ("5000", SavePeriod(steps=5000)),
        ("never", SavePeriod()),
    ],
)
def test_periods_of_saving(text: str, period: SavePeriod) -> None:
    assert SavePeriod.parse(text) == period
    assert SavePeriod.parse(str(period)) == period


@pytest.mark.parametrize(
    "text", ["", "s", "0s", "25h", "-5", "1.5m", "5 m", "16777217", "Never", "٣s", "9" * 5000]
)
def test_what_is_no_period_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time such as 30s"):
        SavePeriod.parse(text)


def test_default_path_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = default_path("names", datetime.datetime(2026, 1, 2, 3, 4, 5))
    assert path == Path("runs/names-20260102-030405")
    runs = [Run.new(path, CONFIG, numbered=True) for _ in range(3)]
    for run in runs:
        run.begin("a board")
        run.metrics.record(1, [2.0], [3])
    name = "names-20260102-030405"
    assert [run.path.name for run in runs] == [name, f"{name}-2", f"{name}-3"]
    assert all(Run.open(run.path).metrics.step == 1 for run in runs)


def test_something_in_the_way_of_a_numbered_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").touch()
    with pytest.raises(RunError, match=r"runs/a cannot be written \(.+\)"):
        Run.new(Path("runs/a"), CONFIG, numbered=True).begin("a board")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("名" * 85, "名" * 66),
        ("a b [bold]$x", "a b [bold]$x"),
        ("a\nb\x1b[1mc\u202e", "a_b_[1mc_"),
        (os.fsdecode(b"n\xff"), "n_"),
    ],
)
def test_folder_named_after_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = default_path(name, datetime.datetime(2026, 1, 2, 3, 4, 5))
    assert path.name == f"{expected}-20260102-030405"
    Run.new(path, CONFIG, numbered=True).begin("a board")


def test_a_folder_has_one_writer(run: Run) -> None:
    run.begin("a board")
    other = Run.open(run.path)
    with run.alone():
        run.metrics.record(1, [2.0], [3])
        with (
            pytest.raises(RunError, match=r"in use by another ugpt \(process \d+ on "),
            other.alone(),
        ):
            pass
    with other.alone():
        assert other.metrics.step == 1  # what was written meanwhile
    assert not (run.path / ".lock").exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
@pytest.mark.skipif(sys.platform == "win32", reason="locks are others there")
def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    run = Run.new(tmp_path / "R", CONFIG)
    with run.alone(), pytest.raises(RunError, match="file system has no locks"):
        run.begin("a board")
    assert not run.path.exists()


def test_identity_survives(tmp_path: Path) -> None:
    run = Run.new(tmp_path / "R", CONFIG)
    identity = Identity("esp32dev", False, "a0b1c2d3e4f5")
    run.begin("a board", identity)
    assert Run.open(run.path).config.identity == identity
    other = Identity("esp32s3", False, "")
    Run.open(run.path).move_to("another board", other)
    assert Run.open(run.path).config.identity == other


@pytest.mark.parametrize("number", ["3", "[]", "nan"])
def test_an_identity_that_makes_no_sense(tmp_path: Path, number: str) -> None:
    run = Run.new(tmp_path / "R", CONFIG)
    run.begin("a board", Identity("esp32dev", False, "a0b1"))
    file = run.path / "config.toml"
    file.write_text(file.read_text().replace('"a0b1"', number))
    with pytest.raises(RunError, match="not the configuration of a run"):
        Run.open(run.path)


@pytest.mark.parametrize(
    ("home", "found", "same"),
    [
        (Identity("esp32", True, "1"), Identity("esp32", True, "2"), True),
        (Identity("esp32", True, "1"), Identity("esp32s3", True, "1"), False),
        (Identity("esp32dev", False, "1"), Identity("esp32dev", False, "1"), True),
        (Identity("esp32dev", False, "1"), Identity("esp32dev", False, "2"), False),
        (Identity("esp32dev", False, "1"), Identity("esp32", True, "1"), False),
        (Identity("esp32dev", False, ""), Identity("esp32dev", False, "2"), True),
    ],
)
def test_which_device_a_run_belongs_to(home: Identity, found: Identity, same: bool) -> None:
    assert home.is_same_as(found) is same
    assert found.is_same_as(home) is same


def test_the_name_of_a_file_outlives_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is synced after the file has taken its name."""
    synced: list[tuple[bool, bytes]] = []
    plain = os.fsync

    def fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((is_folder, file.read_bytes() if file.exists() else b""))
        plain(descriptor)

    file = tmp_path / "file"
    monkeypatch.setattr(os, "fsync", fsync)
    write_atomically(file, b"content")
    assert synced == [(False, b""), (True, b"content")]


def test_the_digest_is_never_ahead_of_the_weights(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between the two leaves the digest of weights that are there."""
    written: list[str] = []
    plain = Run._write

    def write(run: Run, name: str, content: bytes) -> None:
        written.append(name)
        plain(run, name, content)

    monkeypatch.setattr(Run, "_write", write)
    run.write_checkpoint(checkpoint(30), "abcde")
    assert written.index("checkpoint.safetensors") < written.index("weights.sha256")


def test_the_objective_of_a_sweep_knows_no_later_evaluation(run: Run) -> None:
    """A trial that goes on after an interruption reports what was known at each step."""
    run.config = replace(run.config, validation_documents=5)
    run.metrics.val_losses.update({10: 3.0, 20: 2.0})
    assert [objective(run, step) for step in (9, 10, 19, 20)] == [None, 3.0, 3.0, 2.0]


def test_what_others_have_written_to_a_run_since_it_was_opened_is_taken_in(run: Run) -> None:
    other = Run.open(run.path)
    with other.alone():
        other.move_to("another board", Identity("esp32", False, "1"))
        other.metrics.record(1, [2.0], [5])
    with run.alone():
        assert run.config == other.config
        assert list(run.metrics.losses) == [2.0]

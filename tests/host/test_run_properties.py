"""Properties of the files of a run: what is written is read, what is cut or altered is told."""

from __future__ import annotations

import json
import math
import tomllib
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from ugpt import MomentFormat, Recipe, Schedule, Shape, tensor_shapes
from ugpt.runs.checkpoint import Checkpoint
from ugpt.runs.config import Init, RunConfig
from ugpt.runs.errors import RunError
from ugpt.runs.folder import Run
from ugpt.runs.metrics import Metrics


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


def f32(least: float, most: float) -> st.SearchStrategy[float]:
    return st.floats(least, most, width=32)


NUMBERS = st.integers(0, 2**24)
TEXTS = st.text(max_size=12)
SHAPES = st.builds(
    Shape,
    st.integers(1, 8),
    st.integers(1, 64),
    st.integers(1, 8),
    st.integers(1, 64),
    st.integers(2, 65535),
)
RECIPES = st.builds(
    Recipe,
    f32(0, 1),
    f32(0, 0.875),
    f32(0, 0.875),
    f32(2**-33, 2**-7),
    st.integers(1, 2**24),
    st.integers(1, 64),
    st.sampled_from(Schedule),
    NUMBERS,
    f32(0, 0.5),
    f32(0, 8),
    st.sampled_from(MomentFormat),
    st.booleans(),
)
CONFIGS = st.builds(
    RunConfig,
    data=st.text(min_size=1, max_size=12).map(Path),
    data_sha256=TEXTS,
    shape=SHAPES,
    recipe=RECIPES,
    seed=st.integers(0, 2**64 - 1) | st.just(2**64 - 1),
    init=st.sampled_from(Init),
    save_every=NUMBERS,
    run_id=st.integers(1, 2**32 - 1),
    device=TEXTS,
    ugpt=TEXTS,
    validation_documents=NUMBERS,
    eval_every=NUMBERS,
    eval_documents=NUMBERS,
)


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """A content that was cut, or some bytes of which were altered."""
    places = st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)
    return st.integers(0, len(content) - 1).map(lambda size: content[:size]) | st.builds(
        altered, st.just(content), places, st.integers(1, 255)
    )


def altered(content: bytes, places: list[int], flipped: int) -> bytes:
    data = bytearray(content)
    for place in set(places):
        data[place] ^= flipped
    return bytes(data)


# config.toml


@given(CONFIGS)
def test_a_configuration_returns(folder: Path, config: RunConfig) -> None:
    assert RunConfig.from_toml(config.to_toml()) == config
    (folder / "config.toml").write_bytes(config.to_toml().encode())
    assert Run.open(folder).config == config


@given(CONFIGS, st.data())
def test_a_damaged_configuration_is_one_or_an_error_in_words(
    folder: Path, config: RunConfig, data: st.DataObject
) -> None:
    content = config.to_toml().encode()
    opened_or_told(folder, data.draw(damaged(content)))


TOML = st.recursive(
    st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
LINES = st.sampled_from([field.name for field in fields(RunConfig)])


@given(CONFIGS, LINES, TOML)
def test_a_value_of_another_kind_is_told(
    folder: Path, config: RunConfig, name: str, value: object
) -> None:
    values = {**tomllib.loads(config.to_toml()), name: value}
    opened_or_told(folder, tomli_w.dumps(values).encode())


def test_a_configuration_nested_too_deep_is_told(folder: Path) -> None:
    opened_or_told(folder, b"seed = " + b"[" * 5000)


def opened_or_told(folder: Path, content: bytes) -> None:
    """A configuration that opens can be used: it has values of the right kinds."""
    (folder / "config.toml").write_bytes(content)
    try:
        config = Run.open(folder).config
    except RunError:
        return
    assert config.next_evaluation(0) > 0
    assert RunConfig.from_toml(config.to_toml()) == config


# checkpoint.safetensors

SMALL = Shape(1, 2, 1, 2, 3)
CONFIG = RunConfig(
    Path("names.txt"), "ab" * 32, SMALL, Recipe(0.01, 0.85, 0.99, 1e-8, 100), 42, Init.DEVICE,
    0, 7, "", "0.1.0",
)  # fmt: skip


def bits(checkpoint: Checkpoint) -> tuple[int, list[bytes]]:
    kinds = (checkpoint.weights, checkpoint.first_moment, checkpoint.second_moment)
    return checkpoint.step, [values.tobytes() for kind in kinds for values in kind.values()]


@st.composite
def checkpoints(draw: st.DrawFn) -> Checkpoint:
    shapes = tensor_shapes(SMALL)
    count = 3 * sum(rows * columns for rows, columns in shapes.values())
    values = np.frombuffer(draw(st.binary(min_size=4 * count, max_size=4 * count)), "<f4")
    kinds = []
    for _ in range(3):
        kind = {}
        for name, (rows, columns) in shapes.items():
            kind[name] = values[: rows * columns].reshape(rows, columns)
            values = values[rows * columns :]
        kinds.append(kind)
    return Checkpoint(draw(st.integers(0, 2**24)), *kinds)


@given(checkpoints(), TEXTS)
def test_a_checkpoint_returns_with_every_bit(
    folder: Path, checkpoint: Checkpoint, vocabulary: str
) -> None:
    run = Run(folder, CONFIG, Metrics.open(folder / "none.jsonl"))
    digest = run.write_checkpoint(checkpoint, vocabulary)
    read = run.read_checkpoint(tensor_shapes(SMALL))
    assert read is not None
    assert bits(read) == bits(checkpoint)
    assert (folder / "weights.sha256").read_text() == f"{digest}\n"


@given(checkpoints(), st.data())
@settings(max_examples=100)
def test_a_damaged_checkpoint_is_the_same_or_told(
    folder: Path, checkpoint: Checkpoint, data: st.DataObject
) -> None:
    run = Run(folder, CONFIG, Metrics.open(folder / "none.jsonl"))
    run.write_checkpoint(checkpoint, "ab")
    file = folder / "checkpoint.safetensors"
    content = file.read_bytes()
    file.write_bytes(data.draw(damaged(content)))
    with suppress(RunError):
        read = run.read_checkpoint(tensor_shapes(SMALL))
        assert read is not None
        assert bits(read) == bits(checkpoint)


# metrics.jsonl


LOSSES = st.lists(f32(0, 100), max_size=6)
PARTS = st.lists(st.tuples(st.integers(0, 2), LOSSES, st.none() | st.floats(0, 100)), max_size=5)


def written(
    path: Path, parts: list[tuple[int, list[float], float | None]]
) -> tuple[list[float], dict[int, float]]:
    """Writes losses, each part after steps that were given up; returns what is to be read."""
    path.unlink(missing_ok=True)
    metrics = Metrics.open(path)
    losses: list[float] = []
    val_losses: dict[int, float] = {}
    for skipped, values, val_loss in parts:
        if not values:
            continue
        metrics.give_up(metrics.step + skipped)
        losses += [math.nan] * skipped
        assert metrics.record(metrics.step + 1, values, [5] * len(values)) is None
        losses += values
        if val_loss is not None:
            metrics.record_validation(val_loss)
            val_losses[len(losses)] = val_loss
    return losses, val_losses


def same(found: Metrics, losses: list[float]) -> bool:
    return np.array_equal(np.array(found.losses), np.array(losses), equal_nan=True)


@given(PARTS)
def test_losses_return(folder: Path, parts: list[tuple[int, list[float], float | None]]) -> None:
    path = folder / "metrics.jsonl"
    losses, val_losses = written(path, parts)
    again = Metrics.open(path)
    assert same(again, losses)
    assert again.step == len(losses)
    assert again.val_losses == val_losses


@given(PARTS, st.data())
def test_a_file_torn_anywhere_has_its_whole_lines(
    folder: Path, parts: list[tuple[int, list[float], float | None]], data: st.DataObject
) -> None:
    path = folder / "metrics.jsonl"
    written(path, parts)
    content = path.read_bytes() if path.exists() else b""
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = content[: content[:cut].rfind(b"\n") + 1]
    again = Metrics.open(path)
    assert path.read_bytes() == whole
    entries = [json.loads(line) for line in whole.splitlines()]
    assert again.step == (entries[-1]["step"] if entries else 0)
    assert [loss for loss in again.losses if not math.isnan(loss)] == [
        entry["loss"] for entry in entries
    ]


@given(PARTS, st.data())
def test_damaged_losses_are_losses_or_told(
    folder: Path, parts: list[tuple[int, list[float], float | None]], data: st.DataObject
) -> None:
    path = folder / "metrics.jsonl"
    written(path, [*parts, (0, [1.0], None)])
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    with suppress(RunError):
        found = Metrics.open(path)
        # Whatever is taken can be gone on with.
        found.record(found.step + 1, [2.0], [5])
        assert same(Metrics.open(path), list(found.losses))


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"step": 1.0, "loss": 1.0}',
        b'{"step": 1e99, "loss": 1.0}',
        b'{"step": "1", "loss": 1.0}',
        b'{"step": 1, "loss": null}',
        b'{"step": 1, "loss": 1.0, "val_loss": null}',
        b'{"step": 1, "loss": 1.0, "val_loss": []}',
        b'{"step": 99999999, "loss": 1.0}',
    ],
)
def test_a_line_of_another_kind_is_told(folder: Path, line: bytes) -> None:
    path = folder / "metrics.jsonl"
    path.write_bytes(line + b"\n")
    with pytest.raises(RunError, match="Line 1 of"):
        Metrics.open(path)

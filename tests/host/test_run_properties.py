"""Properties of the files of a run: what is written is read, what is cut or altered is told."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import fields, replace
from hashlib import sha256
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
from ugpt.runs.save_period import EVERY_MINUTE, SavePeriod

pytestmark = pytest.mark.long


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
    save_every=st.builds(SavePeriod, seconds=st.integers(0, 86_400))
    | st.builds(SavePeriod, steps=NUMBERS),
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
    Path("names.txt"), "ab" * 32, SMALL, Recipe(0.01, 0.85, 0.99, 1e-8, 2**24), 42, Init.DEVICE,
    EVERY_MINUTE, 7, "", "0.1.0",
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
@settings(max_examples=200)
def test_a_damaged_checkpoint_is_told(
    folder: Path, checkpoint: Checkpoint, data: st.DataObject
) -> None:
    run = Run(folder, CONFIG, Metrics.open(folder / "none.jsonl"))
    run.write_checkpoint(checkpoint, "ab")
    file = folder / "checkpoint.safetensors"
    file.write_bytes(data.draw(damaged(file.read_bytes())))
    with pytest.raises(RunError, match="is damaged"):
        run.read_checkpoint(tensor_shapes(SMALL))


@pytest.mark.parametrize("flipped", [1, 32, 128, 255])
def test_every_byte_of_a_header_counts(folder: Path, flipped: int) -> None:
    run = Run(folder, CONFIG, Metrics.open(folder / "none.jsonl"))
    run.write_checkpoint(zeros(30), 'ab"\\')
    file = folder / "checkpoint.safetensors"
    content = file.read_bytes()
    for place in range(8 + int.from_bytes(content[:8], "little")):
        file.write_bytes(altered(content, [place], flipped))
        with pytest.raises(RunError, match="is damaged"):
            run.read_checkpoint(tensor_shapes(SMALL))


def zeros(step: int) -> Checkpoint:
    shapes = tensor_shapes(SMALL)
    kinds = [{name: np.zeros(size, np.float32) for name, size in shapes.items()} for _ in range(3)]
    return Checkpoint(step, *kinds)


def headed(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def sealed(header: bytes, data: bytes = b"") -> bytes:
    """A file of a stranger who knows how to compute the digest."""
    blank = headed(header.replace(b"DIGEST", b"0" * 64), data)
    return headed(header.replace(b"DIGEST", sha256(blank).hexdigest().encode()), data)


def of_step(step: bytes, *more: bytes) -> bytes:
    return b"{%s}" % b",".join([b'"__metadata__":{"step":"%s","sha256":"DIGEST"}' % step, *more])


def tensor(dtype: bytes, shape: bytes, offsets: bytes) -> bytes:
    return b'"wte":{"dtype":"%s","shape":[%s],"data_offsets":[%s]}' % (dtype, shape, offsets)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        b"\xff" * 4000,
        headed(b"[" * 100_000),
        headed(b'{"a":' * 100_000),
        headed(b"{}"),
        headed(b"[]"),
        headed(b'{"__metadata__":7}'),
        headed(b'{"__metadata__":{"step":"1"}}'),
        headed(b'{"__metadata__":null}'),
        sealed(of_step(b"1")),
        sealed(of_step(b"x")),
        sealed(of_step(b"9" * 5000)),
        sealed(of_step(b"1", tensor(b"F8", b"1", b"0,1")), b"a"),
        sealed(of_step(b"1", tensor(b"BF16", b"1", b"0,2")), b"ab"),
        sealed(of_step(b"1", tensor(b"F32", b"9" * 20, b"0,4")), b"abcd"),
        sealed(of_step(b"1", tensor(b"F32", b"1", b"-4,0")), b"abcd"),
        sealed(b'{"__metadata__":{"step":"1","sha256":"DIGEST","more":{"sha256":"DIGEST"}}}'),
    ],
    ids=range(18),
)
def test_a_checkpoint_of_a_stranger_is_told(folder: Path, content: bytes) -> None:
    run = Run(folder, CONFIG, Metrics.open(folder / "none.jsonl"))
    (folder / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(RunError, match="is damaged") as caught:
        run.read_checkpoint(tensor_shapes(SMALL))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(("step", "most"), [(-1, 100), (101, 100)])
def test_a_checkpoint_of_a_step_that_the_run_does_not_have_is_told(
    folder: Path, step: int, most: int
) -> None:
    config = replace(CONFIG, recipe=replace(CONFIG.recipe, total_steps=most))
    run = Run(folder, config, Metrics.open(folder / "none.jsonl"))
    run.write_checkpoint(zeros(step), "ab")
    with pytest.raises(RunError, match="has no step"):
        run.read_checkpoint(tensor_shapes(SMALL))


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
    assert path.read_bytes() == content[:cut]
    entries = [json.loads(line) for line in whole.splitlines()]
    assert again.step == (entries[-1]["step"] if entries else 0)
    assert [loss for loss in again.losses if not math.isnan(loss)] == [
        entry["loss"] for entry in entries
    ]
    assert again.damaged == (cut != len(whole))
    again.record(again.step + 1, [1.0], [5])
    more = b'{"step": %d, "loss": 1.0, "tokens": 5}\n' % again.step
    assert path.read_bytes() == whole + more
    assert not again.damaged


@given(PARTS, st.data())
def test_whatever_is_left_of_damaged_losses_can_be_gone_on_with(
    folder: Path, parts: list[tuple[int, list[float], float | None]], data: st.DataObject
) -> None:
    path = folder / "metrics.jsonl"
    written(path, [*parts, (0, [1.0], None)])
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    found = Metrics.open(path)
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
        b'{"step": 1, "loss": 1.0, "val_loss": []}',
        b'{"step": 99999999, "loss": 1.0}',
        b'{"step": 3000, "loss": 1.0}',  # it would hide all that follow
        b"\0" * 10_000,
        b"[]",
        b"\xff",
    ],
)
def test_a_line_that_is_no_entry_is_left_out(folder: Path, line: bytes) -> None:
    path = folder / "metrics.jsonl"
    path.unlink(missing_ok=True)
    Metrics.open(path).record(1, [4.0, 3.0, 2.0], [5] * 3)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], line, lines[2], b""]))
    found = Metrics.open(path)
    assert same(found, [4.0, math.nan, 2.0])
    assert found.damaged
    assert found.record(4, [1.0], [5]) is None
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 3, 4]

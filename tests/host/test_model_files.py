"""Models from files of weights: what is read is what was written, and all else is refused."""

from __future__ import annotations

import contextlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from tests.host.test_runs import CONFIG, SHAPE, checkpoint
from ugpt import tensor_shapes
from ugpt.export.errors import ExportError
from ugpt.export.formats import Format, export
from ugpt.export.loose import LooseModel
from ugpt.export.reading import is_model_file, read_model
from ugpt.runs.checkpoint import DIGEST, Tensors, weights_digest
from ugpt.runs.config import Parent
from ugpt.runs.folder import Run
from ugpt.training.stored_model import model_without_run

STEP = 50
VOCABULARY = "abcde"
FORMATS = ("safetensors", "npz")

Arrays = dict[str, NDArray[Any]]
Metadata = dict[str, str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.new(tmp_path / "first", CONFIG)
    run.begin("a board")
    run.write_checkpoint(checkpoint(STEP), VOCABULARY)
    return run


@pytest.fixture(params=FORMATS)
def file(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Path:
    return export(run, Format(request.param), tmp_path / f"model.{request.param}")[0]


def parts(file: Path) -> tuple[Arrays, Metadata]:
    """The arrays of a file; an npz has no metadata."""
    if file.suffix == ".npz":
        with np.load(file) as archive:
            return dict(archive), {}
    with safetensors.safe_open(file, "np") as opened:
        return safetensors.numpy.load_file(file), opened.metadata()


def write(file: Path, arrays: Arrays, metadata: Metadata) -> None:
    if file.suffix == ".npz":
        np.savez(file, allow_pickle=True, **arrays)
    else:
        without_digest = {name: text for name, text in metadata.items() if name != DIGEST}
        file.write_bytes(safetensors.numpy.save(arrays, without_digest))


def changed(file: Path, change: Callable[[Arrays], object]) -> None:
    arrays, metadata = parts(file)
    change(arrays)
    write(file, arrays, metadata)


def refusal(file: Path) -> str:
    with pytest.raises(ExportError) as caught:
        read_model(file)
    message = caught.value.message
    assert str(file) in message
    assert message.endswith(".")
    assert "\n" not in message
    assert "ugpt export RUN --to safetensors" in caught.value.advice
    return message


def assert_equal(one: Tensors, other: Tensors) -> None:
    assert list(one) == list(other)
    assert weights_digest(one) == weights_digest(other)


def test_what_was_exported_is_read(file: Path) -> None:
    model = read_model(file)
    assert (model.shape, model.recipe) == (SHAPE, CONFIG.recipe)
    assert (model.checkpoint.step, model.checkpoint.vocabulary) == (STEP, VOCABULARY)
    assert_equal(model.checkpoint.weights, checkpoint(STEP).weights)
    for moments in (model.checkpoint.first_moment, model.checkpoint.second_moment):
        assert {name: values.shape for name, values in moments.items()} == tensor_shapes(SHAPE)
        assert not any(values.any() for values in moments.values())


def test_a_file_says_of_which_run_it_is(file: Path) -> None:
    arrays, metadata = parts(file)
    assert metadata.get("run", arrays.get("run")) == "first"


def test_moments_are_taken_along(file: Path) -> None:
    def add(arrays: Arrays) -> None:
        for kind in ("first_moment", "second_moment"):
            tensors: Tensors = getattr(checkpoint(STEP), kind)
            arrays |= {f"{kind}.{name}": values for name, values in tensors.items()}

    before = read_model(file)
    changed(file, add)
    model = read_model(file)
    assert_equal(model.checkpoint.first_moment, checkpoint(STEP).first_moment)
    assert_equal(model.checkpoint.second_moment, checkpoint(STEP).second_moment)
    assert numbered(model) != numbered(before)
    changed(file, lambda arrays: arrays.pop("second_moment.wte"))
    assert "second_moment.wte is missing" in refusal(file)


def numbered(model: LooseModel) -> int:
    stored = model_without_run(model.shape, model.recipe, model.checkpoint, Path("file"))
    return stored.run_id


def test_a_checkpoint_of_a_run_is_such_a_file(run: Run) -> None:
    file = run.path / "checkpoint.safetensors"
    model = read_model(file)
    assert (model.shape, model.recipe) == (SHAPE, CONFIG.recipe)
    assert_equal(model.checkpoint.first_moment, checkpoint(STEP).first_moment)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "its digest is that of other values" in refusal(file)


def test_the_weights_that_a_run_began_with_are_such_a_file(run: Run, tmp_path: Path) -> None:
    """Whatever the characters and the steps of the run that keeps them."""
    begun = checkpoint(STEP)
    parent = Parent("first", 1, STEP, SHAPE, weights_digest(begun.weights))
    config = replace(
        CONFIG,
        shape=replace(SHAPE, vocab_size=SHAPE.vocab_size + 3),
        recipe=replace(CONFIG.recipe, total_steps=STEP - 1),
        parent=parent,
    )
    child = Run.new(tmp_path / "child", config, parent=replace(begun, vocabulary=VOCABULARY))
    child.begin("a board")
    model = read_model(child.path / "parent.safetensors")
    assert (model.shape, model.recipe) == (SHAPE, None)
    assert (model.checkpoint.step, model.checkpoint.vocabulary) == (STEP, VOCABULARY)
    assert_equal(model.checkpoint.weights, begun.weights)
    assert_equal(child.read_parent(tensor_shapes(SHAPE)).weights, begun.weights)


def test_the_number_follows_from_the_values(file: Path) -> None:
    assert 0 < numbered(read_model(file)) < 2**32
    assert numbered(read_model(file)) == numbered(read_model(file))


def test_a_link_is_followed(file: Path, tmp_path: Path) -> None:
    (tmp_path / f"link{file.suffix}").symlink_to(file)
    assert read_model(tmp_path / f"link{file.suffix}").checkpoint.step == STEP


def test_without_a_recipe(file: Path) -> None:
    arrays, metadata = parts(file)
    arrays.pop("recipe", None)
    metadata.pop("recipe", None)
    write(file, arrays, metadata)
    model = read_model(file)
    assert model.recipe is None
    stored = model_without_run(model.shape, model.recipe, model.checkpoint, file)
    assert stored.recipe.total_steps == STEP


def test_other_byte_orders_and_layouts_of_numpy(run: Run, tmp_path: Path) -> None:
    (file,) = export(run, Format.NPZ, tmp_path / "model.npz")
    expected = read_model(file).checkpoint.weights

    def change(arrays: Arrays) -> None:
        arrays["wte"] = arrays["wte"].astype(">f4")
        arrays["wpe"] = np.asfortranarray(arrays["wpe"])

    changed(file, change)
    assert_equal(read_model(file).checkpoint.weights, expected)


# What is refused


def test_endings() -> None:
    assert is_model_file(Path("a.NPZ"))
    assert not is_model_file(Path("runs/first"))
    assert not is_model_file(Path("model.pt"))


@pytest.mark.parametrize("ending", FORMATS)
def test_no_file(ending: str, tmp_path: Path) -> None:
    assert "There is no file" in refusal(tmp_path / f"absent.{ending}")


def half(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float16)


def with_nan(values: NDArray[Any]) -> NDArray[Any]:
    values = values.copy()
    values[1, 2] = np.nan
    return values


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a.pop("lm_head"), "lm_head is missing"),
        (lambda a: a.update(extra=a["wpe"]), "'extra' is not a tensor of the model"),
        (lambda a: a.update(lm_head=a["lm_head"][:, :-1].copy()), "lm_head is"),
        (lambda a: a.update(lm_head=half(a["lm_head"])), "not 32-bit floats"),
        (lambda a: a.update(lm_head=with_nan(a["lm_head"])), "lm_head has values that are not"),
        (lambda a: a.update(lm_head=np.array(1, np.float32)), "lm_head is a single number"),
    ],
    ids=["missing", "extra", "shape", "float16", "nan", "scalar"],
)
def test_tensors_that_are_none_of_the_model(
    file: Path, change: Callable[[Arrays], object], said: str
) -> None:
    changed(file, change)
    assert said in refusal(file)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("shape", None, "its metadata has no shape"),
        ("vocabulary", None, "its metadata has no vocabulary"),
        ("step", None, "its metadata has no step"),
        ("shape", "[]", "makes no sense"),
        ("shape", "[" * 100_000, "makes no sense"),
        ("shape", json.dumps({"n_layer": 1}), "makes no sense"),
        ("step", "soon", "makes no sense"),
        ("step", "-1", "step -1 is not one of"),
        ("step", "101", "step 101 is not one of the 100"),
        ("vocabulary", "abcd", "it has 4 characters, and a model of 6 tokens has 5"),
        ("vocabulary", "abcda", "a character stands twice"),
        ("recipe", "{}", "makes no sense"),
        ("recipe", json.dumps({"learning_rate": -1}), "makes no sense"),
    ],
)
def test_metadata_that_is_none_of_the_model(
    name: str, value: str | None, said: str, run: Run, tmp_path: Path
) -> None:
    (file,) = export(run, Format.SAFETENSORS, tmp_path / "model.safetensors")
    arrays, metadata = parts(file)
    if value is None:
        del metadata[name]
    else:
        metadata[name] = value
    write(file, arrays, metadata)
    assert said in refusal(file)


def test_a_file_of_another_program(tmp_path: Path) -> None:
    matrix = np.zeros((2, 3), np.float32)
    (tmp_path / "a.safetensors").write_bytes(safetensors.numpy.save({"wte": matrix}))
    assert "its metadata has no shape" in refusal(tmp_path / "a.safetensors")
    np.savez(tmp_path / "a.npz", wte=matrix)
    assert "it has no n_head" in refusal(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("n_head", np.array(0), "n_head is 0"),
        ("n_head", np.array([1, 2]), "makes no sense"),
        ("step", np.array(1.5), "step is not a whole number"),
        ("vocabulary", np.array([97, 98, 99, 100, 0xD800]), "surrogates not allowed"),
        ("vocabulary", np.array([97, 98, 99, 100, -1]), "makes no sense"),
        ("vocabulary", np.array("abcde"), "makes no sense"),
        ("wte", np.zeros(3, np.float32), "wte is not a matrix"),
        ("recipe", np.array(["{}"] * 2), "makes no sense"),
        ("run", np.array([{}], dtype=object), "holds no model to load"),
    ],
)
def test_arrays_that_say_no_model(
    name: str, value: NDArray[Any], said: str, run: Run, tmp_path: Path
) -> None:
    (file,) = export(run, Format.NPZ, tmp_path / "model.npz")
    changed(file, lambda arrays: arrays.update({name: value}))
    assert said in refusal(file)


def test_an_archive_that_unpacks_to_more_than_a_board_holds(tmp_path: Path) -> None:
    file = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("wte.npy", "w") as member,
    ):
        for _ in range(2**28 // 2**20 + 1):
            member.write(bytes(2**20))
    assert file.stat().st_size < 2**20
    assert "unpacked it has" in refusal(file)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "large.safetensors"
    with file.open("wb") as opened:
        opened.truncate(2**28 + 1)
    assert "is too large" in refusal(file)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_is_cut(file: Path, part: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(part * len(content))])
    assert "it is damaged, or no" in refusal(file)


def test_a_bit_of_a_weight_that_is_altered(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[content.index(np.ascontiguousarray(checkpoint(STEP).weights["wpe"]).tobytes())] ^= 1
    file.write_bytes(content)
    refusal(file)


def test_weights_that_were_changed_on_purpose(run: Run, tmp_path: Path) -> None:
    (file,) = export(run, Format.SAFETENSORS, tmp_path / "model.safetensors")
    arrays, metadata = parts(file)
    arrays["wpe"] += 1
    file.write_bytes(safetensors.numpy.save(arrays, metadata))
    assert "if you changed it on purpose, leave sha256 out of its metadata" in refusal(file)
    write(file, arrays, metadata)
    assert (read_model(file).checkpoint.weights["wpe"] == arrays["wpe"]).all()


def test_a_digest_that_lost_its_name(run: Run, tmp_path: Path) -> None:
    (file,) = export(run, Format.SAFETENSORS, tmp_path / "model.safetensors")
    content = bytearray(file.read_bytes().replace(b'"sha256"', b'"sha456"'))
    content[-1] ^= 1
    file.write_bytes(content)
    assert "'sha456' in the place of sha256" in refusal(file)


def test_any_damage_is_refused_or_harmless(file: Path) -> None:
    expected = read_model(file).checkpoint.weights
    drawn = random.Random(1)
    whole = file.read_bytes()
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(drawn.randint(1, 4)):
            content[drawn.randrange(min(len(content), drawn.choice([80, 2000, 10**9])))] = (
                drawn.randrange(256)
            )
        file.write_bytes(content)
        with contextlib.suppress(ExportError):
            assert_equal(read_model(file).checkpoint.weights, expected)


def test_members_of_an_archive_that_are_no_arrays(run: Run, tmp_path: Path) -> None:
    (file,) = export(run, Format.NPZ, tmp_path / "model.npz")
    content = io.BytesIO(file.read_bytes())
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("notes.txt", "hello")
    file.write_bytes(content.getvalue())
    assert "'notes.txt' is not an array" in refusal(file)

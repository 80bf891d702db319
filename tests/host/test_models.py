"""llama2.c files, as they become images; and what is refused in words."""

from __future__ import annotations

import errno
import math
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ugpt.cli.model_list import images_in
from ugpt.models.errors import ModelFileError
from ugpt.models.huggingface import read_json
from ugpt.models.image import read_image, write_image
from ugpt.models.layouts import TensorFormat
from ugpt.models.llama2c import read_llama2c
from ugpt.models.reading import is_image, read_image_file, read_model, write_image_file
from ugpt.models.rope import rope_steps
from ugpt.models.sentencepiece import read_tokenizer_json

SIZES = (8, 12, 2, 4, 2, 300, 64)
"""Width, hidden, layers, heads, kv heads, vocabulary, context."""


def tensor_counts(tied: bool) -> dict[str, int]:
    wide, hidden, layers, heads, kv_heads, vocab, _ = SIZES
    kv = wide // heads * kv_heads
    return {
        "embedding": vocab * wide, "attention_norm": layers * wide, "wq": layers * wide * wide,
        "wk": layers * kv * wide, "wv": layers * kv * wide, "wo": layers * wide * wide,
        "mlp_norm": layers * wide, "w1": layers * hidden * wide, "w2": layers * wide * hidden,
        "w3": layers * hidden * wide, "final_norm": wide,
        "classifier": 0 if tied else vocab * wide,
    }  # fmt: skip


LEGACY = ("embedding", "attention_norm", "wq", "wk", "wv", "wo", "mlp_norm", "w1", "w2", "w3",
          "final_norm", "rope", "classifier")  # fmt: skip
VERSION_1 = ("attention_norm", "mlp_norm", "final_norm", "embedding", "wq", "wk", "wv", "wo",
             "w1", "w2", "w3", "classifier")  # fmt: skip


def weights(tied: bool) -> dict[str, np.ndarray]:
    rng = np.random.Generator(np.random.PCG64(3))
    return {
        name: rng.normal(size=count).astype("<f4") for name, count in tensor_counts(tied).items()
    }


def legacy_file(tied: bool) -> bytes:
    parts = weights(tied) | {"rope": np.full(SIZES[6] * 2, np.nan, "<f4")}
    sizes = (*SIZES[:5], SIZES[5] if tied else -SIZES[5], SIZES[6])
    return struct.pack("<7i", *sizes) + b"".join(parts[name].tobytes() for name in LEGACY)


def version_1_file(tied: bool, version: int = 1) -> bytes:
    header = struct.pack("<Ii7iB", 0x616B3432, version, *SIZES, tied)
    parts = weights(tied)
    return header.ljust(256, b"\0") + b"".join(parts[name].tobytes() for name in VERSION_1)


def tokenizer_file(count: int = SIZES[5]) -> bytes:
    pieces = [b"<unk>", b"\n<s>\n", b"\n</s>\n", *(b"<0x%02X>" % i for i in range(256))]
    pieces += [b"piece %d" % i for i in range(count - len(pieces))]
    content = b"".join(struct.pack("<fi", -i, len(p)) + p for i, p in enumerate(pieces))
    return struct.pack("<i", max(map(len, pieces))) + content


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., object]:
    def read_files(model: bytes, tokenizer: bytes = tokenizer_file()) -> object:
        (tmp_path / "model.bin").write_bytes(model)
        (tmp_path / "tokenizer.bin").write_bytes(tokenizer)
        return read_llama2c(tmp_path / "model.bin", tmp_path / "tokenizer.bin")

    return read_files


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("file", [legacy_file, version_1_file])
def test_both_versions(tmp_path: Path, file: Callable[[bool], bytes], tied: bool) -> None:
    (tmp_path / "m").write_bytes(file(tied))
    (tmp_path / "t").write_bytes(tokenizer_file())
    model = read_llama2c(tmp_path / "m", tmp_path / "t")
    parts = weights(tied)
    assert model.shape.tied_classifier is tied
    assert model.shape.n_embd == 8
    assert model.shape.n_hidden == 12
    assert model.shape.n_kv_head == 2
    np.testing.assert_array_equal(model.tensors["embedding"].ravel(), parts["embedding"])
    np.testing.assert_array_equal(model.tensors["layers.1.w2"].ravel(), parts["w2"][96:])
    np.testing.assert_array_equal(model.tensors["layers.1.wk"].ravel(), parts["wk"][32:])
    if not tied:
        np.testing.assert_array_equal(model.tensors["classifier"].ravel(), parts["classifier"])
    for layout in (TensorFormat.F32, TensorFormat.Q8):
        image = write_image(model, layout, "a name", "a licence")
        again = read_image(image.content)
        assert again == image
        assert again.vocabulary == model.vocabulary
        assert again.name == "a name"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (b"", "it has 0 bytes"),
        (b"What a story." * 100, "is not a llama2.c model"),
        (legacy_file(True)[:-4], "a model of its shape has"),
        (legacy_file(True) + b"1234", "a model of its shape has"),
        (version_1_file(True)[:-1], "a model of its shape has"),
        (version_1_file(True, version=2), "quantised llama2.c model (version 2)"),
        (version_1_file(True, version=7), "unknown version 7"),
    ],
)
def test_files_that_are_refused(read: Callable[..., object], model: bytes, said: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        read(model)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("tokenizer", "said"),
    [
        (tokenizer_file(299), "has 299 tokens, the model 300"),
        (tokenizer_file()[:-3], "is not a llama2.c tokenizer"),
        (tokenizer_file()[:-12], "is not a llama2.c tokenizer"),
        (tokenizer_file().replace(b"piece 14", b"piece 13"), "twice"),
    ],
)
def test_tokenizers_that_are_refused(
    read: Callable[..., object], tokenizer: bytes, said: str
) -> None:
    with pytest.raises(ModelFileError) as caught:
        read(legacy_file(True), tokenizer)
    assert said in str(caught.value)


@pytest.mark.parametrize(("size", "is_taken"), [(512, True), (513, False)])
def test_the_longest_piece_that_a_board_writes(
    read: Callable[..., object], size: int, is_taken: bool
) -> None:
    content = tokenizer_file()
    piece = b"piece 31"
    start = content.index(piece) - 8
    score = content[start : start + 4]
    longer = score + struct.pack("<i", size) + b"q" * size
    changed = content[:start] + longer + content[start + 8 + len(piece) :]
    if is_taken:
        read(legacy_file(True), changed)
        return
    with pytest.raises(ModelFileError, match="has 513 bytes; a board can write 512 at most"):
        read(legacy_file(True), changed)


def test_files_far_too_large(tmp_path: Path) -> None:
    (tmp_path / "t.bin").write_bytes(tokenizer_file())
    (tmp_path / "m.bin").write_bytes(legacy_file(True))
    with (tmp_path / "large").open("wb") as file:
        file.truncate(30 << 30)
    for names in (("large", "t.bin"), ("m.bin", "large")):
        with pytest.raises(ModelFileError, match="far too many for a board"):
            read_llama2c(*(tmp_path / name for name in names))
    with pytest.raises(ModelFileError, match="far too many for a board"):
        read_image_file(tmp_path / "large")
    for read in (read_json, lambda file: read_tokenizer_json(file, 1, 2)):
        with pytest.raises(ModelFileError, match="far too many for a board"):
            read(tmp_path / "large")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no pipes and devices")
def test_a_pipe_or_a_device_is_no_file_of_a_model(tmp_path: Path) -> None:
    """Opening the one waits for a writer, reading the other never ends."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "m.bin").write_bytes(legacy_file(True))
    (tmp_path / "config.json").symlink_to(pipe)
    for place in (pipe, Path("/dev/zero")):
        assert not is_image(place)
        for read in (
            read_image_file,
            lambda path: read_model(path, tmp_path / "m.bin"),
            lambda path: read_model(tmp_path / "m.bin", path),
        ):
            with pytest.raises(ModelFileError, match=f"{place}: it is not a regular file"):
                read(place)
    with pytest.raises(ModelFileError, match=r"config\.json: it is not a regular file"):
        read_model(tmp_path, None)
    assert images_in(tmp_path) == {}
    (tmp_path / "t.bin").write_bytes(tokenizer_file())
    model = read_llama2c(tmp_path / "m.bin", tmp_path / "t.bin")
    image = write_image(model, TensorFormat.F32, "m")
    with pytest.raises(ModelFileError, match="pipe exists and is not an image"):
        write_image_file(image, pipe)


@pytest.mark.parametrize("what", ["name", "licence"])
def test_what_is_no_text_is_no_name_of_an_image(tmp_path: Path, what: str) -> None:
    (tmp_path / "m.bin").write_bytes(legacy_file(True))
    (tmp_path / "t.bin").write_bytes(tokenizer_file())
    model = read_llama2c(tmp_path / "m.bin", tmp_path / "t.bin")
    given = {"name": "a", "licence": "b"} | {what: "half a pair: \udcff"}
    with pytest.raises(ModelFileError, match=f"The {what} of the model must be one line"):
        write_image(model, TensorFormat.F32, given["name"], given["licence"])


def test_an_image_has_its_name_only_when_all_of_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.bin").write_bytes(legacy_file(True))
    (tmp_path / "t.bin").write_bytes(tokenizer_file())
    image = write_image(read_llama2c(tmp_path / "m.bin", tmp_path / "t.bin"), TensorFormat.F32, "m")
    synced: list[tuple[int, bool]] = []
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append((os.fstat(file).st_size, named.exists()))
    )
    named = tmp_path / "m.ugpt"
    write_image_file(image, named)
    file, folder = synced
    assert file == (len(image.content), False)
    assert folder[1]


def test_a_full_disk_leaves_the_image_before_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.bin").write_bytes(legacy_file(True))
    (tmp_path / "t.bin").write_bytes(tokenizer_file())
    model = read_llama2c(tmp_path / "m.bin", tmp_path / "t.bin")
    before = write_image(model, TensorFormat.F32, "before")
    write_image_file(before, tmp_path / "m.ugpt")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match=r"Cannot write .*m\.ugpt: No space left.* Make room"):
        write_image_file(write_image(model, TensorFormat.F32, "after"), tmp_path / "m.ugpt")
    assert (tmp_path / "m.ugpt").read_bytes() == before.content
    assert {path.name for path in tmp_path.iterdir()} == {"m.bin", "t.bin", "m.ugpt"}


@pytest.mark.parametrize(("what", "most"), [("name", 63), ("licence", 255)])
def test_texts_of_an_image_end_with_a_zero(tmp_path: Path, what: str, most: int) -> None:
    (tmp_path / "m.bin").write_bytes(legacy_file(True))
    (tmp_path / "t.bin").write_bytes(tokenizer_file())
    model = read_llama2c(tmp_path / "m.bin", tmp_path / "t.bin")
    texts = {"name": "m", what: "x" * most}
    assert getattr(write_image(model, TensorFormat.F32, **texts), what) == "x" * most
    for wrong in ("x" * (most + 1), "é" * (most // 2 + 1), "two\nlines"):
        with pytest.raises(ModelFileError, match=f"The {what} .* at most {most} bytes"):
            write_image(model, TensorFormat.F32, **{**texts, what: wrong})


def test_weights_that_are_no_numbers(read: Callable[..., object]) -> None:
    content = bytearray(legacy_file(True))
    struct.pack_into("<f", content, 28 + 4 * 1000, math.inf)
    with pytest.raises(ModelFileError) as caught:
        read(bytes(content))
    assert "embedding has a value that is not a finite number" in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        read_llama2c(tmp_path / "absent", tmp_path / "absent")
    assert "Cannot read" in str(caught.value)


def test_turns_of_a_position() -> None:
    """In units of 2^-64 of a turn, as exactly as a float64 can tell."""
    for pair, step in enumerate(rope_steps(10000.0, 8)):
        turns = 10000.0 ** (-2 * pair / 8) / (2 * math.pi)
        assert math.isclose(step / 2**64, turns, rel_tol=1e-15)


def test_an_image_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(legacy_file(True))
    (tmp_path / "t.bin").write_bytes(tokenizer_file())
    image = write_image(read_llama2c(tmp_path / "m.bin", tmp_path / "t.bin"), TensorFormat.F32, "m")
    own = tmp_path / "own.txt"
    own.write_text("mine")
    (tmp_path / "m.ugpt.part").write_text("mine, too")
    write_image_file(image, tmp_path / "m.ugpt")
    assert (tmp_path / "m.ugpt").read_bytes() == image.content
    assert own.read_text() == "mine"
    assert (tmp_path / "m.ugpt.part").read_text() == "mine, too"
    files = {"m.bin", "t.bin", "own.txt", "m.ugpt", "m.ugpt.part"}
    assert {path.name for path in tmp_path.iterdir()} == files
    for path in (tmp_path / "absent" / "m.ugpt", own / "m.ugpt"):
        with pytest.raises(ModelFileError, match=rf"Cannot write {re.escape(str(path))}: .* Make"):
            write_image_file(image, path)

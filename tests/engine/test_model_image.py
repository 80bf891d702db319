"""Images of models with a fault in every field: the board and the host refuse each of them."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable
from enum import IntEnum
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from engine_builds import BUILDS, Build, Workshop
from llama_driver import PROGRAM, Driver
from llama_models import SHAPES, random_model

from ugpt.models.errors import ModelFileError
from ugpt.models.image import (
    CRC_OFFSET,
    DIGEST_OFFSET,
    HEADER_BYTES,
    ModelImage,
    read_image,
    write_image,
)
from ugpt.models.layouts import TensorFormat

BUILD = next(build for build in BUILDS if build.name == "g++-O2")
SHAPE = SHAPES["small"]


class Fault(IntEnum):
    """store::ImageFault."""

    NONE = 0
    ABSENT = 1
    NEWER = 2
    MISALIGNED = 3
    HEADER = 4
    SHAPE = 5
    TRUNCATED = 6
    TABLE = 7
    ROPE = 8
    VOCABULARY = 9
    TENSOR = 10
    NOT_A_NUMBER = 11


def sign_header(content: bytearray) -> None:
    struct.pack_into("<I", content, CRC_OFFSET, zlib.crc32(content[:CRC_OFFSET]))


def digest_of(content: bytearray) -> bytes:
    return hashlib.sha256(content[:DIGEST_OFFSET] + content[HEADER_BYTES:]).digest()


def field(offset: int, value: int) -> Callable[[bytearray, ModelImage], None]:
    """Another value in the header, whose CRC is right all the same."""

    def change(content: bytearray, _: ModelImage) -> None:
        struct.pack_into("<I", content, offset, value)
        sign_header(content)

    return change


def row(number: int, column: int, value: int) -> Callable[[bytearray, ModelImage], None]:
    """Another value in the table of tensors, with the right CRCs."""

    def change(content: bytearray, image: ModelImage) -> None:
        struct.pack_into("<I", content, HEADER_BYTES + 24 * number + 4 * column, value)
        table = content[HEADER_BYTES : HEADER_BYTES + 24 * len(image.places)]
        struct.pack_into("<I", content, 64, zlib.crc32(table))
        sign_header(content)

    return change


def flip(offset: int) -> Callable[[bytearray, ModelImage], None]:
    def change(content: bytearray, _: ModelImage) -> None:
        content[offset] ^= 0x10

    return change


def value(number: int, offset: int, replacement: bytes) -> Callable[[bytearray, ModelImage], None]:
    """Another value in a tensor, with the right CRCs."""

    def change(content: bytearray, image: ModelImage) -> None:
        place = image.places[number]
        at = place.offset + offset
        content[at : at + len(replacement)] = replacement
        crc = zlib.crc32(content[place.offset : place.offset + place.size_bytes])
        row(number, 5, crc)(content, image)

    return change


def vocabulary_word(index: int, number: int) -> Callable[[bytearray, ModelImage], None]:
    """Another word in the vocabulary, with the right CRCs."""

    def change(content: bytearray, image: ModelImage) -> None:
        begin = vocabulary_offset(image)
        struct.pack_into("<I", content, begin + 4 * index, number)
        size = struct.unpack_from("<I", content, 72)[0]
        struct.pack_into("<I", content, 76, zlib.crc32(content[begin : begin + size]))
        sign_header(content)

    return change


def vocabulary_offset(image: ModelImage) -> int:
    rope = -(-(HEADER_BYTES + 24 * len(image.places)) // 64) * 64
    return -(-(rope + 8 * len(image.rope_steps)) // 64) * 64


def bits(number: float) -> int:
    return int(struct.unpack("<I", struct.pack("<f", number))[0])


NAN = struct.pack("<f", float("nan"))
VOCAB = SHAPE.vocab_size
FAULTS = {
    "magic": (flip(0), Fault.ABSENT),
    "version": (field(8, 2), Fault.NEWER),
    "version 0": (field(8, 0), Fault.HEADER),
    "size": (field(12, 1 << 30), Fault.TRUNCATED),
    "smaller size": (field(12, 8192), Fault.TRUNCATED),
    "no size": (field(12, 0), Fault.TRUNCATED),
    **{
        f"no {name}": (field(16 + 4 * i, 0), Fault.SHAPE)
        for i, name in enumerate(
            ("layers", "width", "heads", "kv heads", "hidden", "vocabulary", "context")
        )
    },
    "layers": (field(16, 3), Fault.TABLE),
    "many layers": (field(16, 0xFFFF), Fault.TRUNCATED),
    "too many layers": (field(16, 0x10000), Fault.SHAPE),
    "width": (field(20, 40), Fault.TABLE),
    "odd heads": (field(20, 36), Fault.SHAPE),
    "heads": (field(24, 5), Fault.SHAPE),
    "kv heads": (field(28, 3), Fault.SHAPE),
    "hidden": (field(32, 45), Fault.TABLE),
    "vocabulary": (field(36, VOCAB + 1), Fault.TABLE),
    "flags": (field(44, 2), Fault.HEADER),
    "untied": (field(44, 0), Fault.TABLE),
    "epsilon NaN": (field(48, 0x7FC00000), Fault.HEADER),
    "epsilon 0": (field(48, 0), Fault.HEADER),
    "epsilon negative": (field(48, bits(-1e-5)), Fault.HEADER),
    "bos": (field(52, VOCAB), Fault.HEADER),
    "eos": (field(56, VOCAB), Fault.HEADER),
    "first byte": (field(60, VOCAB), Fault.HEADER),
    "first byte too late": (field(60, VOCAB - 255), Fault.VOCABULARY),
    "CRC of the table": (field(64, 1), Fault.TABLE),
    "CRC of the rope": (field(68, 1), Fault.ROPE),
    "size of the vocabulary": (field(72, 100), Fault.VOCABULARY),
    "larger vocabulary": (field(72, 1 << 30), Fault.TRUNCATED),
    "CRC of the vocabulary": (field(76, 1), Fault.VOCABULARY),
    "first gap": (field(80, 1), Fault.HEADER),
    "end of the name": (field(96 + 60, 0x41414141), Fault.HEADER),
    "control character in the licence": (field(160, 0x0A414141), Fault.HEADER),
    "second gap": (field(416, 1), Fault.HEADER),
    "CRC of the header": (flip(CRC_OFFSET), Fault.HEADER),
    "format": (row(1, 0, 1), Fault.TABLE),
    "unknown format": (row(2, 0, 3), Fault.TABLE),
    "norm as a matrix": (row(2, 0, 0), Fault.TABLE),
    "rows": (row(2, 1, 31), Fault.TABLE),
    "columns": (row(2, 2, 31), Fault.TABLE),
    "offset": (row(2, 3, 64), Fault.TABLE),
    "offset outside": (row(2, 3, 1 << 31), Fault.TABLE),
    "size of a tensor": (row(2, 4, 16), Fault.TABLE),
    "CRC of a tensor": (row(2, 5, 1), Fault.TENSOR),
    "norm NaN": (value(1, 0, NAN), Fault.NOT_A_NUMBER),
    "scale NaN": (value(2, 4, NAN), Fault.NOT_A_NUMBER),
    "scale infinite": (value(2, 4, struct.pack("<f", float("inf"))), Fault.NOT_A_NUMBER),
    "weight of -128": (value(2, 4 * 32 + 5, b"\0"), Fault.NOT_A_NUMBER),
    "score NaN": (vocabulary_word(7, 0x7FC00000), Fault.VOCABULARY),
    "first piece": (vocabulary_word(VOCAB, 1), Fault.VOCABULARY),
    "empty piece": (vocabulary_word(VOCAB + 2, 5), Fault.VOCABULARY),
    "piece outside": (vocabulary_word(2 * VOCAB, 1 << 30), Fault.VOCABULARY),
    "order": (vocabulary_word(2 * VOCAB + 1, 0x00050007), Fault.VOCABULARY),
    "order outside": (vocabulary_word(2 * VOCAB + 1, 0xFFFFFFFF), Fault.VOCABULARY),
}


@pytest.fixture(scope="module")
def image() -> ModelImage:
    return write_image(random_model(SHAPE), TensorFormat.Q8, "small", "MIT, by nobody")


@pytest.fixture
def driver(builds: Workshop) -> Driver:
    return Driver(builds.command(BUILD, PROGRAM))


@pytest.mark.parametrize("build", [BUILD], ids=lambda build: build.name)
def test_a_whole_image(driver: Driver, tmp_path: Path, image: ModelImage, build: Build) -> None:
    path = tmp_path / "model"
    path.write_bytes(image.content + b"\xff" * 100)  # as flash goes on behind it
    fault, digest, computed, name, licence = driver.check(path)
    assert fault.split()[0] == "0"
    assert digest == computed == image.digest
    assert (name, licence) == ("small", "MIT, by nobody")


@pytest.mark.parametrize("build", [BUILD], ids=lambda build: build.name)
def test_every_fault(driver: Driver, tmp_path: Path, image: ModelImage, build: Build) -> None:
    for what, (change, wanted) in FAULTS.items():
        content = bytearray(image.content)
        change(content, image)
        path = tmp_path / "model"
        path.write_bytes(content)
        (found,) = driver.check(path)
        assert Fault(int(found.split()[0])) is wanted, what
        content[DIGEST_OFFSET:HEADER_BYTES] = digest_of(content)
        with pytest.raises(ModelFileError):
            read_image(bytes(content))


def test_nothing_is_hidden_between_the_parts(image: ModelImage) -> None:
    parts = [(place.offset, place.offset + place.size_bytes) for place in image.places]
    gaps = [end for (_, end), (start, _) in pairwise(parts) if start > end]
    assert gaps
    for offset in (416, gaps[0]):
        content = bytearray(image.content)
        flip(offset)(content, image)
        sign_header(content)
        content[DIGEST_OFFSET:HEADER_BYTES] = digest_of(content)
        with pytest.raises(ModelFileError, match="places that are empty"):
            read_image(bytes(content))


@pytest.mark.parametrize("build", [BUILD], ids=lambda build: build.name)
def test_every_bit_that_a_board_reads(
    driver: Driver, tmp_path: Path, image: ModelImage, build: Build
) -> None:
    """A flipped bit is found, or changes the digest."""
    ends = [place.offset + place.size_bytes for place in image.places]
    offsets = [
        *range(0, CRC_OFFSET, 13), HEADER_BYTES + 30, vocabulary_offset(image) + 9,
        *(place.offset + 1 for place in image.places), *(end - 1 for end in ends),
    ]  # fmt: skip
    path = tmp_path / "model"
    for offset in offsets:
        content = bytearray(image.content)
        flip(offset)(content, image)
        path.write_bytes(content)
        assert driver.check(path)[0].split()[0] != "0", offset
    for offset in (480, 511):
        content = bytearray(image.content)
        flip(offset)(content, image)
        path.write_bytes(content)
        _, digest, computed, *_ = driver.check(path)
        assert digest != computed == image.digest


@pytest.mark.parametrize("build", [BUILD], ids=lambda build: build.name)
def test_cut_anywhere(driver: Driver, tmp_path: Path, image: ModelImage, build: Build) -> None:
    path = tmp_path / "model"
    size = len(image.content)
    for kept in (0, 7, 8, 511, 512, 513, 2000, size // 2, size - 64, size - 1):
        path.write_bytes(image.content[:kept])
        assert driver.check(path)[0].split()[0] != "0", kept


def test_values_survive_both_formats() -> None:
    for shape in SHAPES.values():
        model = random_model(shape)
        exact = write_image(model, TensorFormat.F32, "exact").tensors()
        rounded = write_image(model, TensorFormat.Q8, "rounded").tensors()
        for name, values in model.tensors.items():
            np.testing.assert_array_equal(exact[name], values)
            largest = np.abs(values).max(axis=-1, keepdims=True)
            assert (np.abs(rounded[name] - values) <= largest / 253).all()

"""The tokenizer against one written from the description of llama2.c, on hostile texts."""

from __future__ import annotations

import codecs
import random
from pathlib import Path

import pytest
from engine_builds import BUILDS, Build, Workshop
from llama_driver import PROGRAM, Driver
from llama_models import ImageFile, LanguageModel, find_data, random_model, vocabulary

from ugpt.models.layouts import TensorFormat
from ugpt.models.llama2c import read_tokenizer
from ugpt.models.model import LlamaShape, TokenPieces

BUILD = next(build for build in BUILDS if build.name == "g++-O2")


class Llama2cTokenizer:
    """encode and decode of run.c, in Python: every pair is tried again after every merge."""

    def __init__(self, vocabulary: TokenPieces) -> None:
        self._pieces = vocabulary.pieces
        self._scores = vocabulary.scores
        self._ids = {piece: token for token, piece in enumerate(vocabulary.pieces)}

    def encode(self, text: bytes) -> list[int]:
        tokens = [1]
        if text:
            tokens += self._of_character(b" ")
        character = b""
        for i, byte in enumerate(text):
            character += bytes([byte])
            following = text[i + 1 : i + 2]
            if following and following[0] & 0xC0 == 0x80 and len(character) < 4:
                continue
            tokens += self._of_character(character)
            character = b""
        while True:
            best_score, best = -1e10, None
            for i in range(len(tokens) - 1):
                token = self._ids.get(self._pieces[tokens[i]] + self._pieces[tokens[i + 1]])
                if token is not None and self._scores[token] > best_score:
                    best_score, best = self._scores[token], (i, token)
            if best is None:
                return tokens
            at, token = best
            tokens[at : at + 2] = [token]

    def decode(self, previous: int, token: int) -> bytes:
        piece = self._pieces[token]
        if previous == 1 and piece.startswith(b" "):
            piece = piece[1:]
        if piece.startswith(b"<0x") and piece.endswith(b">"):
            return bytes([int(piece[3:-1], 16)])
        return piece

    def _of_character(self, character: bytes) -> list[int]:
        token = self._ids.get(character)
        return [byte + 3 for byte in character] if token is None else [token]


def texts(rng: random.Random, pieces: TokenPieces, count: int) -> list[bytes]:
    """Words of the vocabulary, all of Unicode, single bytes that are no UTF-8, and mixtures."""
    alphabets = [
        lambda: rng.choice(pieces.pieces),
        lambda: chr(rng.choice((rng.randrange(1, 0x80), rng.randrange(0x80, 0xD800)))).encode(),
        lambda: chr(rng.randrange(0xE000, 0x110000)).encode(),
        lambda: bytes([rng.randrange(1, 256)]),
        lambda: rng.choice([b" ", b"  ", b"\n", b"<0x41>", b"<s>", b"the", b"\xe2\x80", b"\xf0"]),
        lambda: rng.choice([b"the cat ", b"once upon a time", b"Lily", b"aaaa", b"\xc2\xa0"]),
    ]
    found = [b"", b" ", b"<0x0A>", b"\xff" * 40, "\u200a\U0001f600é".encode(), b"a" * 300]
    while len(found) < count:
        used = rng.sample(alphabets, rng.randint(1, 3))
        found.append(b"".join(rng.choice(used)() for _ in range(rng.randint(0, 24))))
    return found


@pytest.fixture
def driver(builds: Workshop) -> Driver:
    return Driver(builds.command(BUILD, PROGRAM))


def image_with(folder: Path, pieces: TokenPieces) -> Path:
    model = random_model(LlamaShape(1, 8, 2, 1, 8, len(pieces.pieces), 8, tied_classifier=True))
    model = LanguageModel(model.shape, model.tensors, pieces)
    return ImageFile.make(folder, model, TensorFormat.Q8).path


def check(driver: Driver, folder: Path, pieces: TokenPieces, count: int) -> None:
    image = image_with(folder, pieces)
    reference = Llama2cTokenizer(pieces)
    asked = texts(random.Random(7), pieces, count)
    for text, tokens in zip(asked, driver.encode(image, asked), strict=True):
        assert tokens == reference.encode(text), text


@pytest.mark.parametrize("build", [BUILD], ids=lambda build: build.name)
def test_encodes_like_llama2c(driver: Driver, tmp_path: Path, build: Build) -> None:
    check(driver, tmp_path, read_tokenizer(find_data("tok512.bin"), 512), 10_000)


@pytest.mark.parametrize("build", [BUILD], ids=lambda build: build.name)
def test_encodes_with_other_vocabularies(driver: Driver, tmp_path: Path, build: Build) -> None:
    """One whose later pieces have the better scores, and one with ties."""
    made = vocabulary(700)
    check(driver, tmp_path, made, 1000)
    check(driver, tmp_path, TokenPieces(made.pieces, tuple(map(float, range(700)))), 1000)
    check(driver, tmp_path, TokenPieces(made.pieces, (0.0,) * 700), 1000)


@pytest.mark.parametrize("build", [BUILD], ids=lambda build: build.name)
def test_decodes_whole_characters(driver: Driver, tmp_path: Path, build: Build) -> None:
    """What each token lets through is UTF-8, and all together is what llama2.c would print."""
    pieces = vocabulary(400)
    image = image_with(tmp_path, pieces)
    reference = Llama2cTokenizer(pieces)
    rng = random.Random(11)
    for _ in range(60):
        tokens = [rng.choice((rng.randrange(400), rng.randrange(3, 259))) for _ in range(200)]
        tokens += reference.encode("é€😀\ud7ff\U0010ffff".encode())
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        found = wanted = ""
        *parts, last = [part.decode() for part in driver.decode(image, tokens)]
        for previous, token, part in zip([1, *tokens], tokens, parts, strict=False):
            found += part
            wanted += decoder.decode(reference.decode(previous, token))
            assert found.startswith(wanted)  # Python holds some errors back for a byte
        assert found + last == wanted + decoder.decode(b"", final=True)


@pytest.mark.parametrize("build", [BUILD], ids=lambda build: build.name)
def test_what_was_encoded_is_decoded(driver: Driver, tmp_path: Path, build: Build) -> None:
    pieces = vocabulary(700)
    image = image_with(tmp_path, pieces)
    for text in ("Once upon a time", " two blanks", "é€😀", "line\nline", "<0x41>"):
        (tokens,) = driver.encode(image, [text.encode()])
        assert b"".join(driver.decode(image, tokens[1:])).decode() == text

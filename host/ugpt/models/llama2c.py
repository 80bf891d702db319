"""llama2.c files: models of the legacy version and version 1, and tokenizer.bin."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .content import read_content
from .errors import ModelFileError
from .model import LAYER_TENSORS, Floats, LanguageModel, LlamaShape, TokenPieces

_MAGIC = 0x616B3432  # "ak42"
_HEADER = struct.Struct("<7i")
_VERSION_1_BYTES = 256
_LONGEST_PIECE = 1 << 16


def read_llama2c(file: Path, tokenizer: Path) -> LanguageModel:
    """Reads a model with its tokenizer. Raises ModelFileError."""
    content = read_content(file)
    layout = _layout(file, content)
    tensors = _tensors(file, content, layout)
    vocabulary = read_tokenizer(tokenizer, layout.shape.vocab_size)
    model = LanguageModel(layout.shape, tensors, vocabulary)
    model.check()
    return model


def read_tokenizer(file: Path, vocab_size: int) -> TokenPieces:
    """Reads tokenizer.bin, which does not say how many tokens it has. Raises ModelFileError."""
    content = read_content(file)
    pieces, scores = [], []
    offset = 4  # behind the length of the longest piece
    try:
        while offset < len(content):
            score, length = struct.unpack_from("<fi", content, offset)
            offset += 8
            if not 0 <= length <= min(_LONGEST_PIECE, len(content) - offset):
                raise ModelFileError(f"{file} is not a llama2.c tokenizer, or it is damaged.")
            scores.append(score)
            pieces.append(content[offset : offset + length])
            offset += length
    except struct.error:
        raise ModelFileError(f"{file} is not a llama2.c tokenizer, or it ends early.") from None
    if len(pieces) != vocab_size:
        raise ModelFileError(
            f"{file} has {len(pieces)} tokens, the model {vocab_size}.",
            "Give the tokenizer that belongs to the model.",
        )
    return TokenPieces(tuple(pieces), tuple(scores))


def check_llama2c(file: Path) -> None:
    """Raises ModelFileError if a file is no such model, as far as its header tells."""
    _layout(file, read_content(file))


@dataclass(frozen=True)
class _Layout:
    """Where the tensors of a file lie: names with all layers of a kind together."""

    shape: LlamaShape
    begin: int
    kinds: tuple[str, ...]
    rope_tables: bool


def _layout(file: Path, content: bytes) -> _Layout:
    if len(content) < _HEADER.size + 8:
        raise ModelFileError(f"{file} is not a llama2.c model: it has {len(content)} bytes.")
    magic, version = struct.unpack_from("<Ii", content)
    norms, matrices = ("attention_norm", "mlp_norm"), LAYER_TENSORS[1:5] + LAYER_TENSORS[6:]
    if magic != _MAGIC:
        *sizes, vocab_size, context = _HEADER.unpack_from(content)
        shape = _shape(file, [*sizes, abs(vocab_size), context], vocab_size > 0)
        kinds = ("embedding", norms[0], *matrices[:4], norms[1], *matrices[4:], "final_norm")
        return _Layout(shape, _HEADER.size, kinds, rope_tables=True)
    if version == 2:
        raise ModelFileError(
            f"{file} is a quantised llama2.c model (version 2).",
            "Export it as version 0 or 1: --format q8 quantises it for the board.",
        )
    if version != 1 or len(content) < _VERSION_1_BYTES:
        raise ModelFileError(f"{file} is a llama2.c model of the unknown version {version}.")
    shape = _shape(file, list(_HEADER.unpack_from(content, 8)), content[8 + _HEADER.size] != 0)
    kinds = (*norms, "final_norm", "embedding", *matrices)
    return _Layout(shape, _VERSION_1_BYTES, kinds, rope_tables=False)


def _shape(file: Path, sizes: list[int], tied: bool) -> LlamaShape:
    n_embd, n_hidden, n_layer, n_head, n_kv_head, vocab_size, context = sizes
    shape = LlamaShape(n_layer, n_embd, n_head, n_kv_head, n_hidden, vocab_size, context, tied)
    try:
        shape.check()
    except ModelFileError as error:
        raise ModelFileError(f"{file} is not a llama2.c model: {error}") from None
    return shape


def _tensors(file: Path, content: bytes, layout: _Layout) -> dict[str, Floats]:
    shape = layout.shape
    shapes = shape.tensors()
    names: list[str] = []
    for kind in layout.kinds:
        per_layer = kind in LAYER_TENSORS
        names += [f"layers.{n}.{kind}" for n in range(shape.n_layer)] if per_layer else [kind]
    skipped = shape.context * shape.head_dim if layout.rope_tables else 0
    tied = shape.tied_classifier
    counts = [int(np.prod(shapes[name])) for name in names]
    counts += [skipped, 0 if tied else int(np.prod(shapes["embedding"]))]
    needed = layout.begin + 4 * sum(counts)
    if len(content) != needed:
        raise ModelFileError(
            f"{file} has {len(content):,} bytes; a model of its shape has {needed:,}.",
            "It is damaged, or not a llama2.c model.",
        )
    ends = np.cumsum(counts)
    values = np.frombuffer(content, "<f4", offset=layout.begin).astype(np.float32)
    parts = dict(zip([*names, "", "classifier"], np.split(values, ends[:-1]), strict=True))
    return {name: parts[name].reshape(wanted) for name, wanted in shapes.items()}

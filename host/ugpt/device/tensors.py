"""How tensors, tokens and losses are packed into bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from ..errors import InvalidValue
from ..rpc.messages import DataSet, Shape

VALUE_BYTES = 4
"""Of a weight, a moment or a loss: a little-endian float32."""


def tensor_shapes(shape: Shape) -> dict[str, tuple[int, int]]:
    """Rows and columns of every parameter matrix, in the canonical order."""
    width = shape.n_embd
    shapes = {
        "wte": (shape.vocab_size, width),
        "wpe": (shape.block_size, width),
        "lm_head": (shape.vocab_size, width),
    }
    for layer in range(shape.n_layer):
        for name in ("attn_wq", "attn_wk", "attn_wv", "attn_wo"):
            shapes[f"layer{layer}.{name}"] = (width, width)
        shapes[f"layer{layer}.mlp_fc1"] = (4 * width, width)
        shapes[f"layer{layer}.mlp_fc2"] = (width, 4 * width)
    return shapes


def count_parameters(shape: Shape) -> int:
    return sum(rows * columns for rows, columns in tensor_shapes(shape).values())


def encode_tokens(tokens: Sequence[int], vocab_size: int) -> bytes:
    """Tokens as documents and prompts carry them: a byte each, or two from 257 tokens on."""
    if any(not 0 <= token < vocab_size for token in tokens):
        raise InvalidValue(f"A token lies outside the vocabulary of {vocab_size} tokens.")
    return struct.pack(f"<{len(tokens)}{_token_format(vocab_size)}", *tokens)


def decode_tokens(data: bytes, vocab_size: int) -> list[int]:
    """The inverse of `encode_tokens`."""
    form = _token_format(vocab_size)
    if len(data) % struct.calcsize(form):
        raise InvalidValue(f"{len(data)} bytes are not a whole number of tokens.")
    return list(struct.unpack(f"<{len(data) // struct.calcsize(form)}{form}", data))


def encode_data_set(documents: Sequence[bytes], vocab_size: int) -> tuple[DataSet, bytes]:
    """Documents in the form of `encode_tokens` as the data set of a device's flash."""
    token_bytes = struct.calcsize(_token_format(vocab_size))
    pieces: list[bytes] = []
    for document in documents:
        pieces += (struct.pack("<H", len(document) // token_bytes), document)
    content = b"".join(pieces)
    return DataSet(len(documents), len(content), token_bytes, zlib.crc32(content)), content


def encode_floats(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def decode_floats(data: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(data) // VALUE_BYTES}f", data[: len(data) // VALUE_BYTES * 4])


def _token_format(vocab_size: int) -> str:
    return "B" if vocab_size <= 256 else "H"

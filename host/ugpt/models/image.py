"""The image of a pretrained model, in a file and in the flash of a board: docs/model-image.md."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import pairwise

import numpy as np

from .errors import ModelFileError, NewerImage
from .layouts import TensorFormat, is_packed, pack, packed_size, unpack
from .model import Floats, LanguageModel, LlamaShape, TokenPieces
from .rope import rope_steps

MAGIC = b"uGPTmodl"
VERSION = 1
ALIGNMENT = 64
HEADER_BYTES = 512
NAME_BYTES = 64
LICENCE_BYTES = 256
CRC_OFFSET = 476
DIGEST_OFFSET = 480

_FIELDS = struct.Struct("<8s10If7I16x64s256s60x")
"""All before the CRC of the header."""
_ROW = struct.Struct("<6I")
_TIED = 1


@dataclass(frozen=True)
class TensorPlace:
    """Where a tensor lies in an image."""

    name: str
    shape: tuple[int, ...]
    layout: TensorFormat
    offset: int
    size_bytes: int
    crc: int


@dataclass(frozen=True)
class ModelImage:
    """An image that has been checked."""

    content: bytes
    name: str
    licence: str
    shape: LlamaShape
    norm_epsilon: float
    rope_steps: tuple[int, ...]
    vocabulary: TokenPieces
    places: tuple[TensorPlace, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of everything else in the image, as hexadecimal digits."""
        return self.content[DIGEST_OFFSET:HEADER_BYTES].hex()

    def bytes_of(self, place: TensorPlace) -> bytes:
        return self.content[place.offset : place.offset + place.size_bytes]

    def tensors(self) -> dict[str, Floats]:
        """The weights that a board computes with, by name."""
        return {p.name: unpack(self.bytes_of(p), p.shape, p.layout) for p in self.places}


def write_image(
    model: LanguageModel, layout: TensorFormat, name: str, licence: str = ""
) -> ModelImage:
    """Makes an image with matrices in this format. Raises ModelFileError."""
    model.check()
    steps = rope_steps(model.rope_theta, model.shape.head_dim)
    tensors = []
    for tensor, dimensions in model.shape.tensors().items():
        kind = TensorFormat.VECTOR if len(dimensions) == 1 else layout
        tensors.append((kind, pack(model.tensors[tensor], kind)))
    parts = (model.shape, model.norm_epsilon, steps, model.vocabulary, tensors)
    return read_image(_assemble(*parts, name, licence))


def _assemble(
    shape: LlamaShape,
    norm_epsilon: float,
    steps: Sequence[int],
    vocabulary: TokenPieces,
    tensors: Sequence[tuple[TensorFormat, bytes]],
    name: str,
    licence: str,
) -> bytes:
    """The image of these parts; `tensors` holds format and packed values in canonical order."""
    rope = np.array(steps, "<u8").tobytes()
    pieces = _pack_vocabulary(vocabulary)
    rope_at = _aligned(HEADER_BYTES + len(tensors) * _ROW.size)
    pieces_at = _aligned(rope_at + len(rope))
    end = pieces_at + len(pieces)
    sections = {rope_at: rope, pieces_at: pieces}
    table = b""
    for (kind, packed), dimensions in zip(tensors, shape.tensors().values(), strict=True):
        offset = _aligned(end)
        end = offset + len(packed)
        sections[offset] = packed
        rows, cols = dimensions if len(dimensions) == 2 else (1, *dimensions)
        table += _ROW.pack(kind, rows, cols, offset, len(packed), zlib.crc32(packed))
    sections[HEADER_BYTES] = table
    fields = _FIELDS.pack(
        MAGIC, VERSION, end, *astuple(shape)[:-1], _TIED if shape.tied_classifier else 0,
        norm_epsilon, vocabulary.bos, vocabulary.eos, vocabulary.first_byte,
        zlib.crc32(table), zlib.crc32(rope), len(pieces), zlib.crc32(pieces),
        _pack_text(name, NAME_BYTES, "name"), _pack_text(licence, LICENCE_BYTES, "licence"),
    )  # fmt: skip
    content = bytearray(end)
    content[:CRC_OFFSET] = fields
    struct.pack_into("<I", content, CRC_OFFSET, zlib.crc32(fields))
    for offset, section in sections.items():
        content[offset : offset + len(section)] = section
    content[DIGEST_OFFSET:HEADER_BYTES] = _digest(content)
    return bytes(content)


def read_image(content: bytes) -> ModelImage:
    """Reads an image, all of which is checked. Raises ModelFileError."""
    if len(content) < HEADER_BYTES or not content.startswith(MAGIC):
        raise ModelFileError(
            "This is not an image of a model.",
            "`ugpt model convert` makes one of a llama2.c model or a Hugging Face folder.",
        )
    (version,) = struct.unpack_from("<I", content, len(MAGIC))
    (crc,) = struct.unpack_from("<I", content, CRC_OFFSET)
    _require(crc == zlib.crc32(content[:CRC_OFFSET]), "its header is damaged")
    if version != VERSION:
        kind = NewerImage if version > VERSION else ModelFileError
        raise kind(
            f"The image of the model has version {version} of the format, this program reads "
            f"version {VERSION}.",
            "Install a newer ugpt." if version > VERSION else "",
        )
    (_, _, size, *sizes, flags, epsilon, bos, eos, first_byte, table_crc, rope_crc, pieces_bytes,
     pieces_crc, name, licence) = _FIELDS.unpack_from(content)  # fmt: skip
    _require(size == len(content), f"it has {len(content):,} bytes and should have {size:,}")
    _require(content[DIGEST_OFFSET:HEADER_BYTES] == _digest(content), "its digest is another")
    _require(flags in (0, _TIED), "its header is damaged")
    names = (field.name for field in fields(LlamaShape))
    shape = LlamaShape(**dict(zip(names, [*sizes, flags == _TIED], strict=True)))
    shape.check()
    shapes = shape.tensors()
    table = content[HEADER_BYTES : HEADER_BYTES + len(shapes) * _ROW.size]
    _require(zlib.crc32(table) == table_crc, "its table of tensors is damaged")
    rope_at = _aligned(HEADER_BYTES + len(table))
    rope = content[rope_at : rope_at + shape.head_dim // 2 * 8]
    _require(zlib.crc32(rope) == rope_crc, "its position embeddings are damaged")
    pieces_at = _aligned(rope_at + len(rope))
    pieces = content[pieces_at : pieces_at + pieces_bytes]
    _require(zlib.crc32(pieces) == pieces_crc, "its vocabulary is damaged")
    vocabulary = _unpack_vocabulary(pieces, shape.vocab_size, bos, eos, first_byte)
    places = _read_places(content, table, shapes, pieces_at + len(pieces))
    image = ModelImage(
        content, _unpack_text(name), _unpack_text(licence), shape, epsilon,
        tuple(np.frombuffer(rope, "<u8").tolist()), vocabulary, places,
    )  # fmt: skip
    LanguageModel(shape, image.tensors(), vocabulary, norm_epsilon=epsilon).check()
    tensors = [(place.layout, image.bytes_of(place)) for place in places]
    parts = (shape, epsilon, image.rope_steps, vocabulary, tensors, image.name, image.licence)
    _require(_assemble(*parts) == content, "it has something in places that are empty")
    return image


def _read_places(
    content: bytes, table: bytes, shapes: dict[str, tuple[int, ...]], end: int
) -> tuple[TensorPlace, ...]:
    places = []
    for (name, wanted), row in zip(shapes.items(), _ROW.iter_unpack(table), strict=True):
        kind, rows, cols, offset, size_bytes, crc = row
        norm = len(wanted) == 1
        suits = (kind == TensorFormat.VECTOR) == norm and kind in list(TensorFormat)
        suits = suits and (rows, cols) == (wanted if not norm else (1, *wanted))
        _require(suits and offset == _aligned(end), f"its table names a wrong tensor {name}")
        layout = TensorFormat(kind)
        _require(size_bytes == packed_size(wanted, layout), f"its tensor {name} has another size")
        end = offset + size_bytes
        packed = content[offset:end]
        _require(zlib.crc32(packed) == crc, f"its tensor {name} is damaged")
        _require(is_packed(packed, wanted, layout), f"its tensor {name} is not in its format")
        places.append(TensorPlace(name, wanted, layout, offset, size_bytes, crc))
    _require(end == len(content), "something follows its last tensor")
    return tuple(places)


def _pack_vocabulary(vocabulary: TokenPieces) -> bytes:
    lengths = [len(piece) for piece in vocabulary.pieces]
    ranks = sorted(range(len(lengths)), key=lambda token: vocabulary.pieces[token])
    parts = [
        np.array(vocabulary.scores, "<f4").tobytes(),
        np.array([0, *np.cumsum(lengths)], "<u4").tobytes(),
        np.array(ranks + [0] * (len(ranks) % 2), "<u2").tobytes(),
        b"".join(vocabulary.pieces),
    ]
    return b"".join(parts)


def _unpack_vocabulary(
    section: bytes, count: int, bos: int, eos: int, first_byte: int
) -> TokenPieces:
    fixed = 4 * count + 4 * (count + 1) + 2 * (count + count % 2)
    _require(len(section) >= fixed, "its vocabulary is damaged")
    scores = np.frombuffer(section, "<f4", count).tolist()
    ends = np.frombuffer(section, "<u4", count + 1, 4 * count).tolist()
    ordered = ends[0] == 0 and all(a < b for a, b in pairwise(ends))
    _require(ordered and ends[-1] == len(section) - fixed, "its vocabulary is damaged")
    pieces = tuple(section[fixed + begin : fixed + end] for begin, end in pairwise(ends))
    vocabulary = TokenPieces(pieces, tuple(scores), bos, eos, first_byte)
    vocabulary.check()
    _require(_pack_vocabulary(vocabulary) == section, "its vocabulary is damaged")
    return vocabulary


def _pack_text(text: str, size: int, what: str) -> bytes:
    # Halves of surrogate pairs, which no encoding takes, are not printable either.
    if not text.isprintable() or len(line := text.encode()) >= size:
        raise ModelFileError(
            f"The {what} of the model must be one line of at most {size - 1} bytes.",
            f"Not: {text!r}",
        )
    return line


def _unpack_text(field: bytes) -> str:
    try:
        return field.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        raise ModelFileError(
            "The image of the model cannot be used: its name or its licence is not text."
        ) from None


def _digest(content: bytes | bytearray) -> bytes:
    return hashlib.sha256(content[:DIGEST_OFFSET] + content[HEADER_BYTES:]).digest()


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ModelFileError(f"The image of the model cannot be used: {what}.")

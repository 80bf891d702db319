"""checkpoint.safetensors of a run folder: weights and moments by name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from ..rpc.messages import Shape
from .config import RunConfig
from .errors import DamagedCheckpoint
from .files import opened, read_file
from .lineage import require_of

Tensors = dict[str, NDArray[np.float32]]
"""Parameter matrices (or moments of them) by name, in canonical order."""

MOMENTS = ("first_moment", "second_moment")
_VALUE_BYTES = 4
_LENGTH_BYTES = 8  # of the header, before it
_HEADER_MAX_BYTES = 2**24  # a configuration that names a hundred thousand files takes as much
_PEEK_BYTES = 2**20  # a file of so many bytes is read at once
DIGEST = "sha256"
"""Of the whole file, by this name in its metadata."""
DIGEST_DIGITS = 64
_NO_DIGEST = DIGEST_DIGITS * "0"
# Within a text of the header the quotes would have backslashes.
_DIGEST = re.compile(rb'"sha256":"(?P<digest>[0-9a-f]{64})"')
_METADATA_OF_0_1_0 = {"step", "config", "shape", "vocabulary"}
_NONSENSE = (
    AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError,
    safetensors.SafetensorError,
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A model and its optimiser between two steps."""

    step: int
    weights: Tensors
    first_moment: Tensors
    second_moment: Tensors
    vocabulary: str = ""
    """The characters in id order, of one that was read from a file."""


def encode_checkpoint(
    checkpoint: Checkpoint, shape: Shape, vocabulary: str, config: RunConfig | None
) -> bytes:
    """The content of the file; what is needed to use the weights is its metadata.

    `config` is that of the run that the weights are of, if it is known.
    """
    tensors = dict(checkpoint.weights)
    for kind in MOMENTS:
        moments: Tensors = getattr(checkpoint, kind)
        tensors |= {f"{kind}.{name}": values for name, values in moments.items()}
    metadata = {
        "step": str(checkpoint.step),
        "shape": json.dumps(asdict(shape)),
        "vocabulary": vocabulary,
    }
    if config is not None:
        metadata["config"] = config.to_toml()
    return sealed(tensors, metadata)


def sealed(tensors: Tensors, metadata: Mapping[str, str]) -> bytes:
    """A safetensors file with a digest of itself in its metadata.

    In the digest its own place counts as zeros; `require_whole` compares it.
    """
    content = safetensors.numpy.save(tensors, {**metadata, DIGEST: _NO_DIGEST})
    (place,) = _DIGEST.finditer(content, 0, _header_end(content))
    return _with_digest(content, place, hashlib.sha256(content).hexdigest().encode())


def read_checkpoint(
    file: Path,
    matrices: Mapping[str, tuple[int, int]],
    total_steps: int,
    config: RunConfig | None = None,
) -> Checkpoint | None:
    """Reads the file, or returns None if there is none. Raises DamagedCheckpoint, and RunError if
    it is not of the run of `config`.

    `matrices` holds rows and columns of the parameter matrices in canonical order.
    """
    parameters = sum(rows * columns for rows, columns in matrices.values())
    content = read_file(file, 3 * _VALUE_BYTES * parameters + _HEADER_MAX_BYTES)
    if content is None:
        return None
    with _blamed(file):
        metadata = require_whole(content)
    with _meaning(file, "it does not say its step and its characters"):
        step, vocabulary = int(metadata["step"]), str(metadata["vocabulary"])
    with _meaning(file, "it does not hold the tensors of the model"):
        tensors = safetensors.numpy.load(content)
        kinds = [
            {name: tensors[prefix + name] for name in matrices}
            for prefix in ("", *(f"{kind}." for kind in MOMENTS))
        ]
    for kind in kinds:
        for name, values in kind.items():
            if values.shape != matrices[name] or values.dtype != np.float32:
                raise _damaged(file, f"{name} has another shape than the model")
    _require_step(file, step, total_steps)
    if config is not None:
        with _meaning(file, "its settings make no sense"):
            require_of(config, metadata, step, file)
    weights, first_moment, second_moment = kinds
    return Checkpoint(step, weights, first_moment, second_moment, vocabulary)


def peek_checkpoint(file: Path) -> int | None:
    """The step of a checkpoint, or None if there is none. Raises DamagedCheckpoint.

    A file that is not small is judged by its header and its length.
    """
    metadata = _peek(file)
    return None if metadata is None else _step_of(file, metadata)


def peek_checkpoint_of(config: RunConfig, file: Path) -> int | None:
    """As `peek_checkpoint`, of a file that must be a checkpoint of that run."""
    metadata = _peek(file)
    if metadata is None:
        return None
    step = _step_of(file, metadata)
    _require_step(file, step, config.recipe.total_steps)
    with _meaning(file, "its settings make no sense"):
        require_of(config, metadata, step, file)
    return step


def _step_of(file: Path, metadata: Mapping[str, str]) -> int:
    with _meaning(file, "it does not say its step"):
        return int(metadata["step"])


def _require_step(file: Path, step: int, total_steps: int) -> None:
    if not 0 <= step <= total_steps:
        raise _damaged(file, f"a run of {total_steps:,} steps has no step {step:,}")


def _peek(file: Path) -> dict[str, str] | None:
    try:
        with opened(file) as part:
            size = part.size_bytes
            content = part.read(0, size if size <= _PEEK_BYTES else _LENGTH_BYTES)
            if size <= _PEEK_BYTES:
                with _blamed(file):
                    metadata = require_whole(content)
            else:
                end = min(_header_end(content), _HEADER_MAX_BYTES)
                content += part.read(_LENGTH_BYTES, end - _LENGTH_BYTES)
                with _blamed(file):
                    metadata = read_metadata(content, size)
    except FileNotFoundError:
        return None
    return metadata


def read_metadata(content: bytes, size_bytes: int) -> dict[str, str]:
    """Of a safetensors file of that size, whose header is in `content`. Raises ValueError."""
    if not content:
        raise ValueError("it is empty")
    end = _header_end(content)
    try:
        header = json.loads(content[_LENGTH_BYTES:end])
        metadata: dict[str, str] = dict(header.pop("__metadata__", {}))
        length_bytes = end + max(each["data_offsets"][1] for each in header.values())
    except _NONSENSE:
        raise ValueError("its header cannot be read") from None
    if length_bytes != size_bytes:
        raise ValueError(f"it is {'cut off' if size_bytes < length_bytes else 'too long'}")
    return metadata


def require_whole(content: bytes) -> dict[str, str]:
    """The metadata, if the digest is that of the content. Raises ValueError with the reason."""
    metadata = read_metadata(content, len(content))
    end = _header_end(content)
    places = list(_DIGEST.finditer(content, 0, end))
    # Files of version 0.1.0 have none. They hold nothing else than these, so that one whose name
    # was altered is no file of that version.
    if not places and metadata.keys() == _METADATA_OF_0_1_0:
        return metadata
    if len(places) != 1:
        raise ValueError("its digest is missing")
    blank = _with_digest(content, places[0], _NO_DIGEST.encode())
    if hashlib.sha256(blank).hexdigest().encode() != places[0]["digest"]:
        raise ValueError("its digest is that of other values")
    return metadata


def _header_end(content: bytes) -> int:
    return _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")


def _with_digest(content: bytes, place: re.Match[bytes], digest: bytes) -> bytes:
    return content[: place.start("digest")] + digest + content[place.end("digest") :]


def weights_digest(weights: Tensors) -> str:
    """sha256 of all weights as little-endian float32, in the order of the mapping."""
    digest = hashlib.sha256()
    for values in weights.values():
        digest.update(values.astype("<f4").tobytes())
    return digest.hexdigest()


@contextmanager
def _blamed(file: Path) -> Iterator[None]:
    """Within the block a ValueError says what is wrong with the file."""
    try:
        yield
    except ValueError as error:
        raise _damaged(file, str(error)) from None


@contextmanager
def _meaning(file: Path, reason: str) -> Iterator[None]:
    """What it means for whoever has the file that its content makes no sense within the block."""
    try:
        yield
    except _NONSENSE:
        raise _damaged(file, reason) from None


def _damaged(file: Path, reason: str) -> DamagedCheckpoint:
    return DamagedCheckpoint(f"{file} is damaged: {reason}.", "Restore the file from a copy.")

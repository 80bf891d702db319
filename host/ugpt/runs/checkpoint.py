"""checkpoint.safetensors of a run folder: weights and moments by name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from .config import RunConfig
from .errors import RunError
from .files import opened, read_file

Tensors = dict[str, NDArray[np.float32]]
"""Parameter matrices (or moments of them) by name, in canonical order."""

MOMENTS = ("first_moment", "second_moment")
_VALUE_BYTES = 4
_LENGTH_BYTES = 8  # of the header, before it
_HEADER_MAX_BYTES = 2**24  # a configuration that names a hundred thousand files takes as much
_PEEK_BYTES = 2**20  # a file of so many bytes is read at once
_NO_DIGEST = 64 * "0"
# Within a text of the header the quotes would have backslashes.
_DIGEST = re.compile(rb'"sha256":"(?P<digest>[0-9a-f]{64})"')
_METADATA_OF_0_1_0 = {"step", "config", "shape", "vocabulary"}
_NONSENSE = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


@dataclass(frozen=True)
class Checkpoint:
    """A model and its optimiser between two steps."""

    step: int
    weights: Tensors
    first_moment: Tensors
    second_moment: Tensors
    vocabulary: str = ""
    """The characters in id order, of one that was read from a file."""


def encode_checkpoint(checkpoint: Checkpoint, config: RunConfig, vocabulary: str) -> bytes:
    """The content of the file; step, configuration and vocabulary are its metadata.

    So is a digest of the whole file, in which its own place counts as zeros.
    """
    tensors = dict(checkpoint.weights)
    for kind in MOMENTS:
        moments: Tensors = getattr(checkpoint, kind)
        tensors |= {f"{kind}.{name}": values for name, values in moments.items()}
    metadata = {
        "step": str(checkpoint.step),
        "config": config.to_toml(),
        "shape": json.dumps(asdict(config.shape)),
        "vocabulary": vocabulary,
        "sha256": _NO_DIGEST,
    }
    content = safetensors.numpy.save(tensors, metadata)
    (place,) = _DIGEST.finditer(content, 0, _header_end(content))
    return _with_digest(content, place, hashlib.sha256(content).hexdigest().encode())


def read_checkpoint(
    file: Path, matrices: Mapping[str, tuple[int, int]], total_steps: int
) -> Checkpoint | None:
    """Reads the file, or returns None if there is none. Raises RunError if it is damaged.

    `matrices` holds rows and columns of the parameter matrices in canonical order.
    """
    parameters = sum(rows * columns for rows, columns in matrices.values())
    content = read_file(file, 3 * _VALUE_BYTES * parameters + _HEADER_MAX_BYTES)
    if content is None:
        return None
    try:
        metadata = require_whole(content)
        step, vocabulary = int(metadata["step"]), str(metadata["vocabulary"])
        tensors = safetensors.numpy.load(content)
        kinds = [
            {name: tensors[prefix + name] for name in matrices}
            for prefix in ("", *(f"{kind}." for kind in MOMENTS))
        ]
    except (safetensors.SafetensorError, RecursionError, *_NONSENSE) as error:
        raise _damaged(file, str(error)) from None
    for kind in kinds:
        for name, values in kind.items():
            if values.shape != matrices[name] or values.dtype != np.float32:
                raise _damaged(file, f"{name} has another shape than the model")
    if not 0 <= step <= total_steps:
        raise _damaged(file, f"a run of {total_steps:,} steps has no step {step:,}")
    weights, first_moment, second_moment = kinds
    return Checkpoint(step, weights, first_moment, second_moment, vocabulary)


def peek_checkpoint(file: Path) -> int | None:
    """The step of a checkpoint, or None if there is none. Raises RunError if it is damaged.

    A file that is not small is judged by its header and its length.
    """
    try:
        with opened(file) as part:
            size = part.size_bytes
            content = part.read(0, size if size <= _PEEK_BYTES else _LENGTH_BYTES)
            if size <= _PEEK_BYTES:
                return int(require_whole(content)["step"])
            end = _header_end(content)
            header = json.loads(
                part.read(_LENGTH_BYTES, min(end, _HEADER_MAX_BYTES) - _LENGTH_BYTES)
            )
        metadata = header.pop("__metadata__")
        if end + max(each["data_offsets"][1] for each in header.values()) != size:
            raise ValueError("it is not of the length that it says")
        return int(metadata["step"])
    except FileNotFoundError:
        return None
    except (RecursionError, *_NONSENSE) as error:
        raise _damaged(file, str(error)) from None


def read_metadata(content: bytes) -> dict[str, str]:
    """Of any safetensors file that is whole. Raises ValueError or such."""
    header: dict[str, dict[str, str]] = json.loads(content[_LENGTH_BYTES : _header_end(content)])
    return header.get("__metadata__", {})


def require_whole(content: bytes) -> dict[str, str]:
    """The metadata, if the digest is that of the content. Raises ValueError or such, else."""
    end = _header_end(content)
    metadata = read_metadata(content)
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


def _damaged(file: Path, reason: str) -> RunError:
    return RunError(
        f"{file} is damaged: {reason}.", "Remove it to train again from the start of the run."
    )
